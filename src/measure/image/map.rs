//! Files as memory, and what happens when a file gets shorter under the mapping.
//!
//! A read past the new end of a truncated file raises SIGBUS, which would end the process. Here the
//! signal is caught: the pages that are gone are replaced by zeros, and the mapping remembers that
//! it is torn, so that nobody believes a result that came of it. Other causes of SIGBUS go where
//! they went before.

#![allow(unsafe_code, reason = "the one mapping of the project, and the signal that guards it")]

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use memmap2::Mmap;

/// Mappings that can be guarded at the same time.
const MAX_GUARDED: usize = 256;

/// A file's bytes, mapped read-only.
pub(super) struct Mapping {
    // Before `map`, so that no address is guarded that may be somebody else's already.
    slot: Slot,
    map: Mmap,
}

impl Mapping {
    /// Maps a whole file. `None` if as many files are mapped as can be guarded.
    pub(super) fn new(file: &File) -> io::Result<Option<Self>> {
        install_handler()?;
        let Some(slot) = Slot::take() else { return Ok(None) };
        // SAFETY: the mapping is read-only and private to this process, lives as long as the
        // `Mapping` that owns it, and is only ever lent as `&[u8]` by it. What remains: another
        // process can write to the file, which changes bytes under a shared reference. A program
        // that maps files it does not own can not exclude that; `Image::check_unchanged` reports it
        // after the fact, and no code here looks twice at a mapped byte and relies on both looks
        // being equal. Truncation is caught, see `on_sigbus`.
        let map = unsafe { Mmap::map(file) }?;
        slot.guards(&map);
        Ok(Some(Self { slot, map }))
    }

    /// Whether a part of the file could not be read, and was replaced by zeros.
    pub(super) fn is_torn(&self) -> bool {
        self.slot.guard().torn.load(Ordering::Acquire)
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}

/// What the handler has to know of a mapping.
struct Guard {
    taken: AtomicBool,
    start: AtomicUsize,
    /// Zero while nothing is guarded.
    len_bytes: AtomicUsize,
    torn: AtomicBool,
}

static GUARDS: [Guard; MAX_GUARDED] = [const {
    Guard {
        taken: AtomicBool::new(false),
        start: AtomicUsize::new(0),
        len_bytes: AtomicUsize::new(0),
        torn: AtomicBool::new(false),
    }
}; MAX_GUARDED];

/// A guard that belongs to one mapping.
struct Slot(usize);

impl Slot {
    fn take() -> Option<Self> {
        let free = |guard: &Guard| !guard.taken.swap(true, Ordering::AcqRel);
        GUARDS.iter().position(free).map(Self)
    }

    fn guard(&self) -> &'static Guard {
        &GUARDS[self.0]
    }

    fn guards(&self, bytes: &[u8]) {
        let guard = self.guard();
        guard.torn.store(false, Ordering::Relaxed);
        guard.start.store(bytes.as_ptr().addr(), Ordering::Relaxed);
        guard.len_bytes.store(bytes.len(), Ordering::Release);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let guard = self.guard();
        guard.len_bytes.store(0, Ordering::Release);
        guard.taken.store(false, Ordering::Release);
    }
}

/// What SIGBUS did before.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();

fn install_handler() -> io::Result<()> {
    static INSTALLED: OnceLock<i32> = OnceLock::new();
    let errno = *INSTALLED.get_or_init(|| {
        // SAFETY: all bytes zero is a `sigaction` of the default kind; the pointers are to locals
        // that live through both calls; and `on_sigbus` has the signature that SA_SIGINFO asks for.
        unsafe {
            let mut before: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(libc::SIGBUS, std::ptr::null(), &raw mut before) != 0 {
                return io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL);
            }
            // The handler may run at once, and reads it.
            let _ = BEFORE.set(before);
            let mut action: libc::sigaction = std::mem::zeroed();
            let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = on_sigbus;
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            if libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut()) != 0 {
                return io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL);
            }
        }
        0
    });
    if errno == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(errno)) }
}

/// Replaces what can not be read, from the page that faulted to the mapping's end, by zeros.
extern "C" fn on_sigbus(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid `siginfo_t` to a handler with SA_SIGINFO.
    let address = unsafe { (*info).si_addr() }.addr();
    for guard in &GUARDS {
        let len = guard.len_bytes.load(Ordering::Acquire);
        let start = guard.start.load(Ordering::Relaxed);
        if !(start..start + len).contains(&address) {
            continue;
        }
        guard.torn.store(true, Ordering::Release);
        let page = address & !(MIN_PAGE_BYTES - 1);
        // SAFETY: the range lies in a mapping of ours that is alive, since a thread just read from
        // it; it is read-only and shares no page with anything else. MAP_FIXED replaces it by zeros
        // of the same protection, so every `&[u8]` to it stays valid. `mmap` is a plain system
        // call, safe in a signal handler.
        let replaced = unsafe {
            libc::mmap(
                std::ptr::without_provenance_mut(page),
                start + len - page,
                libc::PROT_READ,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
                -1,
                0,
            )
        };
        if replaced != libc::MAP_FAILED {
            return;
        }
    }
    pass_on(signal, info, context);
}

/// Does what the process did on SIGBUS before the first file was mapped.
fn pass_on(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let before = BEFORE.get();
    match before.map(|before| (before.sa_sigaction, before.sa_flags & libc::SA_SIGINFO != 0)) {
        Some((handler, true)) if handler != libc::SIG_DFL && handler != libc::SIG_IGN => {
            // SAFETY: with SA_SIGINFO the field holds a function of this signature.
            let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) =
                unsafe { std::mem::transmute(handler) };
            handler(signal, info, context);
        }
        // SAFETY: setting the default is what the kernel would have found; the instruction that
        // faulted runs again and ends the process.
        _ => unsafe {
            libc::signal(libc::SIGBUS, libc::SIG_DFL);
        },
    }
}

/// The smallest page of any processor that runs Linux: addresses in a mapping are rounded down to
/// it. With larger pages the kernel refuses, and the signal goes where it went before.
const MIN_PAGE_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    /// The reads of a file that another process made shorter.
    #[test]
    fn a_shorter_file_is_noticed_and_kills_nobody() {
        let path = std::env::temp_dir().join(format!("rimsim-torn-{}", std::process::id()));
        std::fs::write(&path, vec![7; 1 << 20]).expect("a file");
        let file = File::options().read(true).write(true).open(&path).expect("the same");
        let mapping = Mapping::new(&file).expect("mapped").expect("a slot");
        let other = Mapping::new(&file).expect("mapped").expect("a slot");
        assert_eq!((mapping[0], mapping.is_torn()), (7, false));
        file.set_len(4096).expect("shorter");
        assert_eq!((mapping[4095], mapping.is_torn()), (7, false));
        assert_eq!((mapping[5 * 4096 + 1], mapping.is_torn()), (0, true));
        assert_eq!(mapping[(1 << 20) - 1], 0);
        assert_eq!((other[0], other.is_torn()), (7, false));
        drop((mapping, other));
        std::fs::remove_file(path).expect("removed");
        let slots: Vec<_> = (0..MAX_GUARDED).filter_map(|_| Slot::take()).collect();
        assert!(slots.len() > MAX_GUARDED - 16, "slots are given back");
        assert!(Slot::take().is_none());
    }
}
