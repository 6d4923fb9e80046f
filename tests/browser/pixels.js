// Compares pairs of pictures: node pixels.js JOBS, a JSON file { limits, pairs: [{ before, after, picture }] }; prints a list.
// A place counts where a square of `size` pixels has a greater share of pixels unlike the reference's than `share`.
import { readFileSync, writeFileSync } from "node:fs";
import pixelmatch from "pixelmatch";
import { PNG } from "pngjs";

const STRIDE = 8;
const RED = [255, 0, 0];

function top(image, height) {
  return image.data.subarray(0, 4 * image.width * height);
}

function mismatched(picture) {
  const mask = new Uint8Array(picture.width * picture.height);
  for (let i = 0; i < mask.length; i++) mask[i] = picture.data[4 * i] === 255 && picture.data[4 * i + 1] === 0;
  return mask;
}

// sums[y][x] counts the mismatches above and to the left, so that any square's count takes four look-ups.
function summed(mask, width, height) {
  const sums = new Uint32Array((width + 1) * (height + 1));
  for (let y = 0; y < height; y++) {
    for (let x = 0, row = 0; x < width; x++) {
      row += mask[y * width + x];
      sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1] + row;
    }
  }
  return sums;
}

function places(mask, width, height, { size, share }) {
  const sums = summed(mask, width, height);
  const at = (x, y) => sums[Math.min(y, height) * (width + 1) + Math.min(x, width)];
  const found = [];
  for (let y = 0; y < height; y += STRIDE) {
    for (let x = 0; x < width; x += STRIDE) {
      const count = at(x + size, y + size) - at(x, y + size) - at(x + size, y) + at(x, y);
      if (count > share * size * size) found.push({ x, y, share: count / (size * size) });
    }
  }
  return found;
}

function compared({ before, after, picture }, limits) {
  const [old, now] = [before, after].map((path) => PNG.sync.read(readFileSync(path)));
  const report = { before: [old.width, old.height], after: [now.width, now.height], places: 0 };
  if (old.width !== now.width) return report;
  const height = Math.min(old.height, now.height);
  const drawn = new PNG({ width: now.width, height });
  const options = { threshold: limits.threshold, includeAA: limits.edges, diffColor: RED };
  const count = pixelmatch(top(old, height), top(now, height), drawn.data, now.width, height, options);
  const found = count ? places(mismatched(drawn), now.width, height, limits) : [];
  if (found.length || old.height !== now.height) writeFileSync(picture, PNG.sync.write(drawn));
  if (!found.length) return report;
  const worst = found.reduce((most, place) => (place.share > most.share ? place : most));
  return { ...report, places: found.length, first: found[0], last: found.at(-1), worst };
}

const { limits, pairs } = JSON.parse(readFileSync(process.argv[2], "utf8"));
process.stdout.write(JSON.stringify(pairs.map((pair) => compared(pair, limits))));
