// Python in a worker of this page. It is started by the first question, and anew after it was stopped.
const LOADING = 90_000, THINKING = 30_000; // milliseconds without a word, after which it is stopped
let worker, timer, number = 0;
const open = new Map();

// Asks for a call of hw.live; `answered` gets each answer. The promise ends when the last has come, or fails with a
// sentence for the reader.
export const ask = (call, argument, answered, patience = THINKING) =>
  new Promise((resolve, reject) => {
    worker ??= started();
    open.set(++number, { answered, resolve, reject, patience });
    worker.postMessage({ number, call, argument: JSON.stringify(argument) });
    wait(worker.ready ? patience : LOADING);
  });

export const stop = (words = "Stopped.") => {
  clearTimeout(timer);
  worker?.terminate();
  worker = undefined;
  for (const { reject } of open.values()) reject(new Error(words));
  open.clear();
};

// Loads Python before the first question, for a reader who has begun to answer.
export const prepare = () => void (worker ??= started());

const wait = (patience) => {
  clearTimeout(timer);
  timer = setTimeout(() => stop(`Stopped: no answer within ${patience / 1000} seconds.`), patience);
};

const started = () => {
  const wheel = new URL(document.querySelector("meta[name='hw:wheel']").content, document.baseURI).href;
  const fresh = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  fresh.onerror = () => stop("Python could not be started here. The answers on this page do not need it.");
  fresh.onmessage = ({ data: { number, answer, failure, done, ready } }) => {
    if (ready) {
      fresh.ready = true;
      if (open.size) wait(open.values().next().value.patience);
      return;
    }
    if (failure && !number) return stop(failure);
    const one = open.get(number);
    if (!one) return;
    if (answer) {
      wait(one.patience);
      return one.answered(JSON.parse(answer));
    }
    open.delete(number);
    if (open.size) wait(open.values().next().value.patience);
    else clearTimeout(timer);
    if (failure) one.reject(new Error(failure));
    else if (done) one.resolve();
  };
  fresh.postMessage({ wheel });
  return fresh;
};

addEventListener("pagehide", () => stop("Stopped, as you left the page."));
