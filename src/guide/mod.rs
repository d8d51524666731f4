//! The guide: what the words mean, and a page for each kind of user.
//!
//! The pages are Markdown files in `src/guide`; what they show of commands is held true by tests.

#[doc = include_str!("concepts.md")]
pub mod concepts {}
#[doc = include_str!("continuous_integration.md")]
pub mod continuous_integration {}
#[doc = include_str!("realm_developers.md")]
pub mod realm_developers {}
#[doc = include_str!("rmm_testers.md")]
pub mod rmm_testers {}
#[doc = include_str!("verifier_operators.md")]
pub mod verifier_operators {}
#[doc = include_str!("vmm_developers.md")]
pub mod vmm_developers {}
