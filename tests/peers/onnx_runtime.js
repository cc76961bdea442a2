// ONNX Runtime on one thread for bench_peers.py: a line of JSON in, a line of JSON out.
//   {"model": PATH, "batch": N, "size": S, "input": PATH of N * 3 * S * S float32}  ->  {"logits": [of the first image]}
//   {"seconds": T}  ->  {"seconds": of one call, of the processor, the mean of as many as take T}
const fs = require("fs");
const readline = require("readline");
const ort = require("onnxruntime-node");

let session, feeds;

function cpuSeconds() {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1e-6;
}

async function load({ model, batch, size, input }) {
  session = await ort.InferenceSession.create(model, {
    executionProviders: ["cpu"], intraOpNumThreads: 1, interOpNumThreads: 1,
    executionMode: "sequential", graphOptimizationLevel: "all",
  });
  const bytes = fs.readFileSync(input);
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, batch * 3 * size * size);
  feeds = { input: new ort.Tensor("float32", values, [batch, 3, size, size]) };
  const logits = (await session.run(feeds)).logits;
  return { logits: Array.from(logits.data.slice(0, logits.dims[1])) };
}

async function time({ seconds }) {
  const start = cpuSeconds();
  let n = 0;
  do {
    await session.run(feeds);
    n++;
  } while (cpuSeconds() - start < seconds);
  return { seconds: (cpuSeconds() - start) / n };
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    console.log(JSON.stringify(await (asked.model ? load(asked) : time(asked))));
  }
})();
