//! Damage, what it has to come to, and whether it does.

#![allow(unreachable_pub, reason = "a part of a test binary")]

pub mod appending;
pub mod behind;
pub mod by_hand;
pub mod case;
pub mod damage;
pub mod expected;
pub mod files;
pub mod reading;
pub mod shapes;
