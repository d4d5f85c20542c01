//! Where metrics lie: cache lines of their own, pairs of lines per thread, and the asserts that hold it fast.

use std::ops::Deref;

use crate::kinds::{Kind, Recorded};

/// Bytes of a cache line.
pub const LINE: usize = 64;

/// Puts a single word on a cache line of its own.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct Line<T>(T);

impl<T> Deref for Line<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Recorded> Recorded for Line<T> {
    const KIND: Kind = T::KIND;

    fn copy_words(&self, words: &mut Vec<u64>) {
        self.0.copy_words(words);
    }
}

/// Keeps what one thread writes 128 bytes apart from what others do: processors fetch lines in pairs.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub struct Apart<T>(T);

impl<T> Deref for Apart<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Recorded> Recorded for Apart<T> {
    const KIND: Kind = T::KIND;

    fn copy_words(&self, words: &mut Vec<u64>) {
        self.0.copy_words(words);
    }
}

/// A field of a struct of metrics.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Bytes from the beginning of the struct.
    pub offset: usize,
    /// Bytes it takes, padding included.
    pub size: usize,
}

/// Asserts size, alignment and every offset of a struct of metrics at compile time, so that nobody moves a field by
/// accident, and lists its fields for the test that each is in the catalogue. A field left out does not compile.
macro_rules! layout {
    ($metrics:ident: size $size:literal, align $align:literal;
        $($field:ident: $type:ty = $offset:literal),+ $(,)?) => {
        #[cfg(not(loom))] // whose atomics are larger than a word
        const _: () = {
            assert!(size_of::<$metrics>() == $size && $size % $crate::layout::LINE == 0);
            assert!(align_of::<$metrics>() == $align && $align % $crate::layout::LINE == 0);
            $(
                assert!(std::mem::offset_of!($metrics, $field) == $offset);
                assert!($offset % $crate::layout::LINE == 0);
            )+
        };

        impl $metrics {
            /// Every field of the struct.
            pub const FIELDS: &'static [$crate::layout::Field] = {
                // Compiles only if every field is named, and has the type that is said here.
                const fn _all_are_listed(metrics: &$metrics) {
                    let $metrics { $($field),+ } = metrics;
                    $(let _: &$type = $field;)+
                }
                &[$($crate::layout::Field {
                    name: stringify!($field),
                    offset: std::mem::offset_of!($metrics, $field),
                    size: size_of::<$type>(),
                }),+]
            };
        }
    };
}
pub(crate) use layout;
