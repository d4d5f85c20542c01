//! The time stamp counter as a clock.
//!
//! States go one way: unknown → (unusable | waiting → ready). The parameters are stored before `READY` is, with
//! release, and read after it, with acquire; they never change again, so no reader can see half of them.

use std::arch::x86_64::{__cpuid, _rdtsc, CpuidResult};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU8, AtomicU64};

use super::instant_ns;

const UNKNOWN: u8 = 0;
/// Some thread is about to change the state; the others use `Instant` meanwhile.
const BUSY: u8 = 1;
const UNUSABLE: u8 = 2;
/// The first pair of readings is taken, the second has to wait for the window to pass.
const WAITING: u8 = 3;
const READY: u8 = 4;

/// Least distance of the two pairs of readings. A reading is uncertain by some 20 ns: one part in a million of this.
const WINDOW_NS: u64 = 20_000_000;
/// The conversion is `ticks × multiplier >> SHIFT`.
const SHIFT: u32 = 32;

static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);
static TICKS_AT_ORIGIN: AtomicU64 = AtomicU64::new(0);
static NS_AT_ORIGIN: AtomicU64 = AtomicU64::new(0);
static MULTIPLIER: AtomicU64 = AtomicU64::new(0);

/// Whether [`now_ns`] may be asked.
#[inline]
pub(super) fn is_ready() -> bool {
    STATE.load(Acquire) == READY
}

/// The time by the counter.
#[inline]
pub(super) fn now_ns() -> u64 {
    // Saturating, because another core's counter may be a few ticks behind that of the core that calibrated.
    let since = ticks().saturating_sub(TICKS_AT_ORIGIN.load(Relaxed));
    let ns = (u128::from(since) * u128::from(MULTIPLIER.load(Relaxed))) >> SHIFT;
    NS_AT_ORIGIN.load(Relaxed).wrapping_add(ns as u64)
}

#[inline]
fn ticks() -> u64 {
    // SAFETY: every x86_64 processor has the instruction, it touches no memory, and the state machine lets nobody come
    // here but where the kernel, which could forbid it, keeps time by the counter itself.
    unsafe { _rdtsc() }
}

/// Takes the next step of the state machine if it is due.
#[cold]
pub(super) fn prepare() {
    let state = STATE.load(Acquire);
    let is_due = match state {
        UNKNOWN => true,
        WAITING => instant_ns().saturating_sub(NS_AT_ORIGIN.load(Relaxed)) >= WINDOW_NS,
        _ => false,
    };
    if is_due && STATE.compare_exchange(state, BUSY, Acquire, Relaxed).is_ok() {
        let next = match state {
            UNKNOWN => begin(),
            _ => calibrate(),
        };
        STATE.store(next, Release);
    }
}

/// Takes the first pair of readings if the counter may be used at all.
fn begin() -> u8 {
    if !is_trustworthy() {
        return UNUSABLE;
    }
    set_origin(read_both());
    WAITING
}

/// Takes the second pair of readings and moves the origin there, so that the counter goes on where `Instant` stood.
fn calibrate() -> u8 {
    let (ticks, ns) = read_both();
    let ticks_passed = u128::from(ticks.saturating_sub(TICKS_AT_ORIGIN.load(Relaxed)));
    let ns_passed = u128::from(ns.saturating_sub(NS_AT_ORIGIN.load(Relaxed)));
    // 100 MHz to 20 GHz: outside of it this is no such counter.
    if ticks_passed < ns_passed / 10 || ticks_passed > ns_passed * 20 {
        return UNUSABLE;
    }
    MULTIPLIER.store(((ns_passed << SHIFT) / ticks_passed) as u64, Relaxed);
    set_origin((ticks, ns));
    READY
}

fn set_origin((ticks, ns): (u64, u64)) {
    TICKS_AT_ORIGIN.store(ticks, Relaxed);
    NS_AT_ORIGIN.store(ns, Relaxed);
}

/// Both clocks at (nearly) the same moment: of some attempts the one that was interrupted least. The counter is read
/// first, so that by it the time is never earlier than a reading of `Instant` that somebody already has.
fn read_both() -> (u64, u64) {
    let mut best = (0, 0);
    let mut shortest = u64::MAX;
    for _ in 0..8 {
        let before = ticks();
        let ns = instant_ns();
        let took = ticks().saturating_sub(before);
        if took < shortest {
            shortest = took;
            best = (before, ns);
        }
    }
    best
}

/// What the processor says of itself, by leaf.
#[allow(unused_unsafe, reason = "the oldest Rust that is supported has it unsafe, later ones do not")]
fn cpuid(leaf: u32) -> CpuidResult {
    // SAFETY: every processor of this architecture has the instruction, and nothing is changed by it.
    unsafe { __cpuid(leaf) }
}

/// Whether the processor promises a constant rate and the kernel relies on that promise.
fn is_trustworthy() -> bool {
    const POWER_MANAGEMENT_LEAF: u32 = 0x8000_0007;
    const INVARIANT_TSC: u32 = 1 << 8;
    let has_leaf = cpuid(0x8000_0000).eax >= POWER_MANAGEMENT_LEAF;
    has_leaf
        && cpuid(POWER_MANAGEMENT_LEAF).edx & INVARIANT_TSC != 0
        && std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource")
            .is_ok_and(|source| source.trim() == "tsc")
}
