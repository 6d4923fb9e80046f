// The memory of a Python that has imported `hw.live`: node snapshot.mjs PYODIDE WHEEL TARGET. Clocks stand still and random
// bytes are zeros, so that two runs write the same bytes; a page seeds `random` anew.
import crypto from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const zeros = (view) => (new Uint8Array(view.buffer, view.byteOffset, view.byteLength).fill(0), view);
globalThis.crypto.getRandomValues = crypto.randomFillSync = zeros;
Date.now = () => 0;
performance.now = () => 0;

const [pyodide, wheel, target] = process.argv.slice(2);
process.argv.splice(1, Infinity, "snapshot"); // the memory has them
const { loadPyodide } = await import(pathToFileURL(`${pyodide}/pyodide.mjs`));
const python = await loadPyodide({ _makeSnapshot: true, env: { PYTHONHASHSEED: "0" } });
const bytes = readFileSync(wheel);
python.unpackArchive(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length), "wheel");
python.runPython("import hw.live.calls");
writeFileSync(target, python.makeMemorySnapshot());
