import { parse, startParse } from "./parse";

// A function for each level, so that the compiler folds its constants.

export function startLevel(level: u32, windowStart: usize, chunkStart: usize, chunkEnd: usize): void {
  switch (level) {
    case 1: return startParse(1, 0, windowStart, chunkStart, chunkEnd);
    case 2: return startParse(1, 1, windowStart, chunkStart, chunkEnd);
    case 3: return startParse(1, 1, windowStart, chunkStart, chunkEnd);
    case 4: return startParse(1, 1, windowStart, chunkStart, chunkEnd);
    case 5: return startParse(1, 1, windowStart, chunkStart, chunkEnd);
    case 6: return startParse(1, 1, windowStart, chunkStart, chunkEnd);
    case 7: return startParse(4, 2, windowStart, chunkStart, chunkEnd);
    case 8: return startParse(0, 24, windowStart, chunkStart, chunkEnd);
    default: return startParse(0, 300, windowStart, chunkStart, chunkEnd);
  }
}

/** See `parse`. */
export function parseLevel(level: u32, from: usize, pieceEnd: usize): usize {
  switch (level) {
    case 1: return parse1(from, pieceEnd);
    case 2: return parse2(from, pieceEnd);
    case 3: return parse3(from, pieceEnd);
    case 4: return parse4(from, pieceEnd);
    case 5: return parse5(from, pieceEnd);
    case 6: return parse6(from, pieceEnd);
    case 7: return parse7(from, pieceEnd);
    case 8: return parse8(from, pieceEnd);
    default: return parse9(from, pieceEnd);
  }
}

function parse1(from: usize, pieceEnd: usize): usize {
  return parse(1, 0, 8, 0, from, pieceEnd);
}

function parse2(from: usize, pieceEnd: usize): usize {
  return parse(1, 1, 16, 0, from, pieceEnd);
}

function parse3(from: usize, pieceEnd: usize): usize {
  return parse(1, 1, 8, 1, from, pieceEnd);
}

function parse4(from: usize, pieceEnd: usize): usize {
  return parse(1, 1, 12, 1, from, pieceEnd);
}

function parse5(from: usize, pieceEnd: usize): usize {
  return parse(1, 1, 16, 1, from, pieceEnd);
}

function parse6(from: usize, pieceEnd: usize): usize {
  return parse(1, 1, 24, 1, from, pieceEnd);
}

function parse7(from: usize, pieceEnd: usize): usize {
  return parse(4, 2, 64, 1, from, pieceEnd);
}

function parse8(from: usize, pieceEnd: usize): usize {
  return parse(0, 24, 128, 2, from, pieceEnd);
}

function parse9(from: usize, pieceEnd: usize): usize {
  return parse(0, 300, 258, 2, from, pieceEnd);
}
