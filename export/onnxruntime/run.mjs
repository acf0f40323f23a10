// Draws pictures from an exported ONNX generator in Node.
//
// npm install
// node run.mjs ../../serving/lsgan/1 --count 16 --seed 0 --out pictures

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { encode } from "fast-png";
import ort from "onnxruntime-node";

const ARRAYS = { float32: Float32Array, int32: Int32Array };
const NUMBER = String.raw`(-?[\d.]*\d)`;
const UNIFORM = new RegExp(String.raw`^uniform in \[${NUMBER}, ${NUMBER}\]$`);

// Numbers in (0, 1) that a seed repeats, which Math.random can't.
function* uniforms(seed) {
  for (let block = 0; ; block++) {
    const digest = createHash("sha256").update(`${seed}/${block}`).digest();
    for (let i = 0; i < digest.length; i += 4) yield (digest.readUInt32LE(i) + 0.5) / 2 ** 32;
  }
}

// A function that draws one number as `text` says, or undefined if that is in no known words.
function sampler(text, stream) {
  const uniform = (low = 0, high = 1) => low + (high - low) * stream.next().value;
  if (text === "standard normal")
    return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  const limits = text.match(UNIFORM);
  if (limits) return () => uniform(Number(limits[1]), Number(limits[2]));
  const classes = text.match(/^(\d+)\.\.(\d+)$/);
  if (classes) return () => Math.floor(uniform(Number(classes[1]), Number(classes[2]) + 1));
}

// Latents by input name, as nested arrays of `count` rows, as the certificate describes them;
// `fixed` (name -> one row) repeats that row instead.
function draw(certificate, count, seed, fixed) {
  const stream = uniforms(seed);
  const rows = (make) => Array.from({ length: count }, make);
  const latents = {};
  for (const [name, { shape }] of Object.entries(inputsOf(certificate))) {
    const value = sampler(certificate.latents[name], stream);
    if (name in fixed) latents[name] = rows(() => fixed[name]);
    else if (!value) fail(`don't know how to draw ${name}: say --set ${name}=…`);
    else if (shape.length === 1) latents[name] = rows(value);
    else latents[name] = rows(() => Array.from({ length: shape[1] }, value));
  }
  return latents;
}

// The version's inputs by name: {dtype, shape}, the batch being null.
function inputsOf(certificate) {
  return certificate.signatures.serving_default.inputs;
}

// ONNX Runtime's tensors of nested arrays by name.
function feeds(certificate, latents) {
  return Object.fromEntries(
    Object.entries(inputsOf(certificate)).map(([name, { dtype, shape }]) => {
      const rows = latents[name] ?? fail(`the latents have no ${name}`);
      const data = ARRAYS[dtype].from(rows.flat(Infinity));
      return [name, new ort.Tensor(dtype, data, [rows.length, ...shape.slice(1)])];
    }),
  );
}

// Writes float images [count, height, width, channels] in [-1, 1] as folder/000.png and so on.
function writePictures(folder, { data, dims: [count, height, width, channels] }) {
  if (![1, 3, 4].includes(channels)) fail(`${channels} channels make no picture: say --out x.json`);
  const levels = Uint8Array.from(data, (x) =>
    Math.round((Math.min(Math.max(x, -1), 1) + 1) * 127.5),
  );
  const size = height * width * channels;
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < count; i++) {
    const picture = levels.subarray(i * size, (i + 1) * size);
    const name = `${String(i).padStart(3, "0")}.png`;
    writeFileSync(join(folder, name), encode({ width, height, channels, data: picture }));
  }
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

const { values: chosen, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string", default: "16" },
    seed: { type: "string", default: "0" },
    set: { type: "string", multiple: true, default: [] }, // NAME=JSON, such as label=3
    latents: { type: "string" }, // a JSON file, {"latent": [[…], …], …}, instead of drawing
    out: { type: "string", default: "pictures" }, // a folder, or a .json file for the numbers
  },
});
if (positionals.length !== 1) fail("usage: node run.mjs VERSION_FOLDER [--count 16] [--seed 0] …");
const [folder] = positionals;
const certificate = JSON.parse(readFileSync(join(folder, "certificate.json"), "utf8"));
const fixed = Object.fromEntries(
  chosen.set.map((assignment) => {
    const [, name, row] = assignment.match(/^(\w+)=(.+)$/) ?? fail(`${assignment} has no =`);
    if (!(name in inputsOf(certificate))) fail(`no input ${name}`);
    return [name, JSON.parse(row)];
  }),
);
const latents = chosen.latents
  ? JSON.parse(readFileSync(chosen.latents, "utf8"))
  : draw(certificate, Number(chosen.count), chosen.seed, fixed);

const session = await ort.InferenceSession.create(join(folder, "model.onnx"));
const [name] = session.outputNames;
const output = (await session.run(feeds(certificate, latents)))[name];
console.log(`${name}: ${output.type} [${output.dims.join(", ")}]`);
if (chosen.out.endsWith(".json"))
  writeFileSync(chosen.out, JSON.stringify({ shape: output.dims, data: Array.from(output.data) }));
else if (name === "image") writePictures(chosen.out, output);
else console.log(output.data);
