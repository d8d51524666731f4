//! From bytes to digests: the kernels, and files of digests.

mod digest_files;
mod kernels;
