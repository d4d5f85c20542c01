//! One flipped bit, in every region of a segment.

use flashstrike_segment::layout::{BLOCK_HEADER_SIZE, SEGMENT_HEADER_SIZE, round64};
use flashstrike_segment::names::hot_name;

use super::super::case::Damager;
use super::super::shapes::end_of;
use super::name_of;
use crate::memory::build::{Placed, SEGMENT_SIZE};

const HEADER: usize = BLOCK_HEADER_SIZE;

fn hot_segments(damager: &Damager<'_>) -> Vec<u32> {
    let mut all: Vec<u32> = damager.hot_blocks().iter().map(|block| block.segment).collect();
    all.dedup();
    all
}

pub fn segment_header(damager: &mut Damager<'_>) {
    for segment in hot_segments(damager) {
        damager.flip(&hot_name(segment), 0..SEGMENT_HEADER_SIZE, 3);
    }
}

pub fn metadata_block(damager: &mut Damager<'_>) {
    for block in damager.hot_blocks().iter().filter(|block| block.event_count == 0) {
        damager.flip(&name_of(block), block.offset..block.offset + HEADER, 2);
        damager.flip(&name_of(block), block.offset + HEADER..block.offset + block.len, 2);
    }
}

pub fn block_header(damager: &mut Damager<'_>) {
    for block in chosen(damager) {
        damager.flip(&name_of(&block), block.offset..block.offset + HEADER, 2);
    }
}

pub fn payload(damager: &mut Damager<'_>) {
    for block in chosen(damager) {
        let end = payload_end(damager, &block);
        damager.flip(&name_of(&block), block.offset + HEADER..end, 2);
    }
}

pub fn padding(damager: &mut Damager<'_>) {
    let all = damager.event_blocks();
    let padded: Vec<Placed> =
        all.into_iter().filter(|block| payload_end(damager, block) < block.offset + block.len).collect();
    for block in damager.some(padded, 4) {
        let end = payload_end(damager, &block);
        damager.flip(&name_of(&block), end..block.offset + block.len, 1);
    }
}

pub fn behind_the_blocks(damager: &mut Damager<'_>) {
    for segment in hot_segments(damager) {
        let end = end_of(&damager.shape.own.placed, segment);
        // Where the next block's header would be, and further on.
        damager.flip(&hot_name(segment), end..SEGMENT_SIZE.min(end + HEADER), 2);
        damager.flip(&hot_name(segment), end + HEADER..SEGMENT_SIZE, 1);
    }
}

/// All, or the first, the last and some others.
fn chosen(damager: &mut Damager<'_>) -> Vec<Placed> {
    let all = damager.event_blocks();
    let mut chosen = vec![all[0].clone(), all[all.len() - 1].clone()];
    chosen.extend(damager.some(all[1..all.len() - 1].iter().cloned(), 3));
    chosen
}

fn payload_end(damager: &Damager<'_>, block: &Placed) -> usize {
    let file = &damager.shape.own.log.files[&name_of(block)];
    let header = flashstrike_segment::BlockHeader::decode(&file[block.offset..]).expect("a block");
    assert_eq!(block.len, HEADER + round64(header.payload_len as usize));
    block.offset + HEADER + header.payload_len as usize
}
