// Python, loaded once: from the snapshot of its memory if that can be had, else from the start. A message asks for a call
// of hw.live, and each answer is a message.
import { loadPyodide } from "../pyodide/pyodide.mjs";

const home = new URL("../pyodide/", import.meta.url).href;

// For its machine, as for nothing else, Pyodide would wait for ever.
const get = self.fetch.bind(self);
let lost;
const gone = new Promise((_, reject) => (lost = reject));
gone.catch(() => {}); // told below
self.fetch = async (...asked) => {
  const response = await get(...asked);
  if (!response.ok && response.url.endsWith(".wasm")) lost(new Error(`pyodide.asm.wasm is missing (${response.status})`));
  return response;
};

const fetched = async (url) => {
  const response = await get(url);
  if (!response.ok) throw new Error(`${url.split("/").pop()} is missing (${response.status})`);
  return response;
};

const unpacked = async (response) =>
  new Response(response.body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();

const load = async (wheel) => {
  const library = fetched(wheel).then((response) => response.arrayBuffer());
  library.catch(() => {}); // told below
  let python;
  try {
    const memory = await unpacked(await fetched(`${home}snapshot.bin`));
    python = await Promise.race([gone, loadPyodide({ indexURL: home, _loadSnapshot: memory })]);
  } catch {
    python = await Promise.race([gone, loadPyodide({ indexURL: home })]);
  }
  python.unpackArchive(await library, "wheel");
  python.runPython("import random; random.seed()"); // the snapshot's is everyone's
  return python.pyimport("hw.live.calls").answer;
};

let answer;
onmessage = async ({ data: { wheel, number, call, argument } }) => {
  if (wheel) {
    answer = load(wheel);
    return answer.then(
      () => postMessage({ ready: true }),
      (error) => postMessage({ failure: `Python could not be loaded: ${error.message.split("\n")[0]}.` }),
    );
  }
  try {
    (await answer)(call, argument, (text) => postMessage({ number, answer: text }));
    postMessage({ number, done: true });
  } catch (error) {
    postMessage({ number, failure: `Python failed: ${error.message.trim().split("\n").pop()}` });
  }
};
