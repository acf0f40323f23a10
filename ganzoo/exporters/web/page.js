/** Runs the generator beside this page, as its certificate describes it. */

const SAMPLES = 24;
const SLIDERS = 8; // of one input, before the rest are folded away
const RADIOS = 20; // more classes than this are a list
const SECONDS = 8; // from A to B
const TIMED = 5; // pictures on each device, before one is chosen
const GREY_LEVEL = 2 / 255;

const $ = (id) => document.getElementById(id);
const create = (tag, properties = {}) => Object.assign(document.createElement(tag), properties);

/** What the reader is told, in one sentence with the mend. */
class Refusal extends Error {}

// What lies beside the page, or of a page with several models in the folder of the chosen one

const choices = [...document.querySelectorAll("#models a")];
const shown =
  choices.find((link) => link.search === location.search) ?? (choices.length ? choices[0] : null);
shown?.setAttribute("aria-current", "page");
const folder = shown ? `${shown.dataset.folder}/` : "";

async function read(file) {
  const name = folder + file;
  const again = "copy the exported folder whole, and open this page from there";
  let response;
  try {
    // Revalidated, or a cached model would meet the certificate of a newer one.
    response = await fetch(name, { cache: "no-cache" });
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
  } catch {
    throw new Refusal(`${name} could not be read from the server: see that it runs, and reload.`);
  }
  throw new Refusal(`${name} is missing (the server answers ${response.status}): ${again}.`);
}

/** What the page needs of certificate.json; shapes are without the batch. */
function parsed(bytes) {
  try {
    const { model, precision, created, packages, files, signatures, latents, webgpu } = JSON.parse(
      new TextDecoder().decode(bytes),
    );
    const { inputs, outputs } = signatures.serving_default;
    const { bytes: size, sha256 } = files["model.onnx"];
    return {
      model,
      size,
      sha256,
      webgpu: webgpu === true,
      made: `${precision} · ganzoo ${packages.ganzoo} · exported ${created.slice(0, 10)}`,
      shape: outputs.image.shape.slice(1),
      latents: Object.entries(inputs).map(([name, { dtype, shape: [, ...shape] }]) => ({
        ...{ name, dtype, shape, size: shape.reduce((a, b) => a * b, 1), words: latents[name] },
        ...distribution(latents[name]),
      })),
    };
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal("certificate.json is not one that ganzoo wrote: export the model again.");
  }
}

async function checked(model, size, sha256) {
  const again = "it was cut short or replaced, so copy it from the export again";
  if (model.length !== size) {
    const [has, due] = [model.length, size].map((bytes) => bytes.toLocaleString("en"));
    throw new Refusal(`model.onnx has ${has} bytes where its certificate says ${due}: ${again}.`);
  }
  if (!globalThis.crypto?.subtle) return; // only https and localhost have it
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", model));
  if (Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") !== sha256) {
    throw new Refusal(`model.onnx is not the file that was certified (another SHA-256): ${again}.`);
  }
}

/** The generator: latents by name, each flat -> images [rows, height, width, channels], flat. */
async function load(plan) {
  const model = await read("model.onnx");
  await checked(model, plan.size, plan.sha256);
  // One thread, since more need headers that few hosts send; a worker, so that sliders stay smooth.
  const cpu = await opened(plan, model, "./ort.wasm.min.mjs", { numThreads: 1, proxy: true });
  return (plan.webgpu && (await onGpu(plan, model, cpu))) || cpu;
}

/** The generator by one build of ONNX Runtime. */
async function opened({ latents, shape }, model, build, settings, options = {}) {
  const mend =
    "see that the server has all files, and sends .mjs as text/javascript and .wasm as " +
    "application/wasm";
  let ort;
  try {
    ort = await import(build);
  } catch {
    throw new Refusal(`ONNX Runtime could not be loaded: ${mend}.`);
  }
  Object.assign(ort.env.wasm, { wasmPaths: "./", ...settings });
  ort.env.logLevel = "fatal";
  let session;
  try {
    // A copy, since the worker takes it away.
    session = await ort.InferenceSession.create(model.slice(), { logSeverityLevel: 4, ...options });
  } catch (error) {
    throw new Refusal(
      /backend/.test(error.message)
        ? `ONNX Runtime could not be started: ${mend}.`
        : "model.onnx is not a model that ONNX Runtime can run: export it again.",
    );
  }

  async function run(values) {
    const feeds = {};
    for (const { name, dtype, size, shape } of latents) {
      const type = dtype === "int32" ? Int32Array : Float32Array;
      const data = type.from(values[name]); // a copy, since the worker takes it away
      feeds[name] = new ort.Tensor(dtype, data, [data.length / size, ...shape]);
    }
    return (await session.run(feeds)).image;
  }

  try {
    const { dims } = await run(drawn(latents, () => 0));
    if (String(dims) !== String([1, ...shape])) throw new RangeError();
  } catch {
    throw new Refusal(
      "model.onnx takes other latents or makes other images than its certificate says: they are " +
        "of two exports, so copy one of them whole.",
    );
  }
  let last = Promise.resolve(); // one run at a time: on a GPU a session knows no second one
  return async (values) => {
    last = last.catch(() => {}).then(() => run(values));
    return (await last).data;
  };
}

const compared = { device: "CPU" }; // what the page found of a GPU

/** The generator on the GPU where that is as exact and faster, otherwise null.
 *
 * With #device=webgpu in the address it need not be faster.
 */
async function onGpu(plan, model, cpu) {
  if (!(await navigator.gpu?.requestAdapter().catch(() => null))) return null;
  try {
    const settings = [{ numThreads: 1 }, { executionProviders: ["webgpu"] }];
    const gpu = await opened(plan, model, "./ort.webgpu.min.mjs", ...settings);
    const latents = drawn(plan.latents, mulberry32(0));
    const [expected, found] = [await cpu(latents), await gpu(latents)];
    compared.difference = expected.reduce((d, x, i) => Math.max(d, Math.abs(x - found[i])), 0);
    compared.milliseconds = { CPU: await timed(cpu, latents), WebGPU: await timed(gpu, latents) };
    const faster = compared.milliseconds.WebGPU < compared.milliseconds.CPU;
    if (!(compared.difference <= GREY_LEVEL)) return null;
    if (!faster && location.hash !== "#device=webgpu") return null;
    compared.device = "WebGPU";
    return gpu;
  } catch {
    compared.error = "This GPU could not run the model.";
    return null;
  }
}

/** The median milliseconds of a few pictures. */
async function timed(generate, latents) {
  const times = [];
  for (let i = 0; i < TIMED; i++) {
    const start = performance.now();
    await generate(latents);
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[TIMED >> 1];
}

// Latents

/** How to draw an input, and between which ends to slide it, from the certificate's words. */
function distribution(words) {
  const number = "(-?[\\d.]*\\d)";
  if (words === "standard normal") return { low: -3, high: 3, draw: normal };
  let ends = new RegExp(`^uniform in \\[${number}, ${number}\\]$`).exec(words);
  if (ends) {
    const [low, high] = ends.slice(1).map(Number);
    return { low, high, draw: (random) => low + (high - low) * random() };
  }
  ends = /^0\.\.(\d+)$/.exec(words);
  if (!ends) throw new Refusal(`This page can’t draw latents that are “${words}”.`);
  const classes = Number(ends[1]) + 1;
  return { classes, draw: (random) => Math.floor(classes * random()) };
}

/** mulberry32: uniform in [0, 1), the same from the same seed in every browser. */
function mulberry32(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Box and Muller 1958. */
function normal(random) {
  const radius = Math.sqrt(-2 * Math.log(1 - random()));
  return radius * Math.cos(2 * Math.PI * random());
}

function drawn(latents, random) {
  const draw = ({ name, size, draw }) => [name, Array.from({ length: size }, () => draw(random))];
  return Object.fromEntries(latents.map(draw));
}

/** Latents a part `t` of the way from `a` to `b`. */
function between(latents, a, b, t) {
  return Object.fromEntries(
    latents.map(({ name, classes, words }) => {
      if (classes) return [name, t < 0.5 ? a[name] : b[name]]; // nothing lies between two classes
      const [p, q] = words === "standard normal" ? arc(a[name], b[name], t) : [1 - t, t];
      return [name, a[name].map((value, i) => p * value + q * b[name][i])];
    }),
  );
}

/** The weights of `a` and `b` in their spherical interpolation.
 *
 * Nearly all of a normal in many dimensions lies close to a sphere. The straight line between two
 * points of it leads through the inside, where the generator was never trained.
 */
function arc(a, b, t) {
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  const angle = Math.acos(Math.min(1, Math.max(-1, dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)))));
  if (!(Math.sin(angle) > 1e-6)) return [1 - t, t]; // the arc between opposites is not unique
  return [Math.sin((1 - t) * angle), Math.sin(t * angle)].map((part) => part / Math.sin(angle));
}

// Pictures

/** Draws an image in [-1, 1]; the pixels' own type, Uint8Clamped, rounds and clips. */
function paint(canvas, image, [height, width, channels]) {
  const pixels = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 4; c++) {
      const value = c === 3 && channels < 4 ? 1 : image[i * channels + (channels === 1 ? 0 : c)];
      pixels.data[4 * i + c] = (value + 1) * 127.5;
    }
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

/** A canvas of one pixel per pixel, shown `space` wide or high: enlarged by a whole factor. */
function framed(canvas, [height, width], space) {
  const fit = space / Math.max(height, width);
  canvas.classList.toggle("enlarged", fit > 1);
  canvas.style.width = `${Math.max(1, width * (fit > 1 ? Math.floor(fit) : fit))}px`;
  return Object.assign(canvas, { width, height });
}

let idle; // a promise: nothing is left to draw

/** Draws each canvas from the newest latents wanted of it, `first` before the others.
 *
 * While the generator runs, newer latents replace the ones that wait, so nothing queues up.
 */
function painter(generate, shape, first) {
  const wanted = new Map();
  let running = false;

  async function run() {
    running = true;
    while (wanted.size) {
      const canvas = wanted.has(first) ? first : wanted.keys().next().value;
      const latents = wanted.get(canvas);
      wanted.delete(canvas);
      const start = performance.now();
      paint(canvas, await generate(latents), shape);
      $("latency").textContent = milliseconds(performance.now() - start);
    }
    running = false;
  }

  return (canvas, latents) => {
    wanted.set(canvas, latents);
    if (!running) idle = run().catch(refuse);
  };
}

const milliseconds = (time) => `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`;

// Controls

/** A fieldset for one input; `changed(index, value)` hears of moves, and `show(values)` follows. */
function controls(input, changed) {
  const box = create("fieldset");
  const legend = create("legend", { textContent: input.name });
  legend.append(create("small", { textContent: words(input) }));
  box.append(legend);
  const control = input.classes ? (input.classes > RADIOS ? list : radios) : slider;
  const parts = Array.from({ length: input.size }, (_, index) =>
    control(input, index, (value) => changed(index, value)),
  );
  const grid = (some) => {
    const div = create("div", { className: input.classes ? "classes" : "sliders" });
    div.append(...some.map(({ element }) => element));
    return div;
  };
  // A few left over would fold away less than the line that unfolds them.
  const shown = parts.length <= SLIDERS + 2 ? parts.length : SLIDERS;
  box.append(grid(parts.slice(0, shown)));
  if (shown < parts.length) {
    const more = create("details");
    more.append(create("summary", { textContent: `${parts.length - shown} more` }));
    more.append(grid(parts.slice(shown)));
    box.append(more);
  }
  return { box, show: (values) => parts.forEach(({ show }, index) => show(values[index])) };
}

const words = ({ size, classes, words }) =>
  (size > 1 ? `${size} × ` : "") + (classes ? `one of ${classes}` : words.replaceAll("-", "−"));

function slider({ name, low, high }, index, changed) {
  const element = create("label");
  const range = create("input", { type: "range", min: low, max: high, step: (high - low) / 100 });
  range.ariaLabel = `${name} ${index + 1}`;
  const value = create("output");
  element.append(create("span", { textContent: index + 1 }), range, value);
  range.addEventListener("input", () => changed(range.valueAsNumber));
  const show = (number) => {
    // A draw may lie beyond the ends: the number is what the generator sees, the thumb stops short.
    range.value = number;
    value.textContent = number.toFixed(2).replace("-", "−");
  };
  return { element, show };
}

function radios({ name, classes }, index, changed) {
  const element = create("div");
  const buttons = Array.from({ length: classes }, (_, value) => {
    const label = create("label");
    const radio = create("input", { type: "radio", name: `${name} ${index}`, value });
    radio.addEventListener("change", () => changed(value));
    label.append(radio, create("span", { textContent: value }));
    element.append(label);
    return radio;
  });
  return { element, show: (value) => (buttons[value].checked = true) };
}

function list({ name, classes }, _, changed) {
  const element = create("select", { ariaLabel: name });
  element.append(...Array.from({ length: classes }, (_, value) => new Option(value)));
  element.addEventListener("change", () => changed(element.selectedIndex));
  return { element, show: (value) => (element.selectedIndex = value) };
}

// The page

function refuse(error) {
  const [reason] = String(error.message ?? error).split("\n");
  const sentence =
    error instanceof Refusal ? reason : `The generator stopped (${reason}): reload the page.`;
  Object.assign($("refusal"), { textContent: sentence, hidden: false });
  $("play").hidden = true;
  $("status").textContent = "";
}

async function start() {
  $("unserved").remove();
  $("status").textContent = "Loading the generator …";
  const plan = parsed(await read("certificate.json"));
  const { model, latents, shape } = plan;
  const [height, width, channels] = shape;
  document.title = `${model} · ganzoo`;
  $("name").textContent = model;
  $("about").textContent =
    `${width} × ${height}, ${{ 1: "grey", 3: "RGB", 4: "RGBA" }[channels]} · ` +
    `${(plan.size / 1e6).toFixed(1)} MB · ${plan.made}`;
  const generate = await load(plan);
  if (compared.device !== "CPU") $("about").textContent += ` · ${compared.device}`;
  const copy = (values) =>
    Object.fromEntries(latents.map(({ name }) => [name, Array.from(values[name])]));
  const picture = framed($("picture"), shape, 336);
  const want = painter(generate, shape, picture);

  let sheet = []; // latents of the samples
  let chosen = 0; // which of them is being edited
  let edited; // the latents of the big picture
  const ends = {}; // of the walk

  const groups = latents
    .map((input) => ({
      input,
      ...controls(input, (index, value) => {
        stop();
        edited[input.name][index] = value;
        show(edited, `Sample ${chosen + 1}, edited`);
      }),
    }))
    // The fewer components, the more each of them tells.
    .sort((a, b) => a.input.size - b.input.size);
  $("latents").append(...groups.map(({ box }) => box));

  function show(values, whose) {
    edited = copy(values);
    for (const { input, show } of groups) show(edited[input.name]);
    $("whose").textContent = whose;
    want(picture, edited);
  }

  const tiles = Array.from({ length: SAMPLES }, (_, index) => {
    const tile = create("button", { type: "button", ariaLabel: `Sample ${index + 1}` });
    tile.append(framed(create("canvas"), shape, 64));
    tile.addEventListener("click", () => choose(index));
    return tile;
  });
  $("samples").append(...tiles);
  $("samples").style.setProperty("--tile", tiles[0].firstChild.style.width);

  function choose(index) {
    stop();
    chosen = index;
    tiles.forEach((tile, i) => (tile.ariaPressed = i === index));
    show(sheet[index], `Sample ${index + 1}`);
  }

  function redraw() {
    const random = mulberry32($("seed").valueAsNumber);
    sheet = tiles.map(() => drawn(latents, random));
    choose(0);
    sheet.forEach((values, index) => want(tiles[index].firstChild, values));
  }

  $("seed").addEventListener("change", () => $("seed").reportValidity() && redraw());
  $("next").addEventListener("click", () => {
    $("seed").value = ($("seed").valueAsNumber + 1) % 2 ** 32 || 0;
    redraw();
    $("status").textContent = `${SAMPLES} samples of seed ${$("seed").value}`;
  });
  $("reset").addEventListener("click", () => choose(chosen));
  $("save").addEventListener("click", () => {
    create("a", { href: picture.toDataURL(), download: `${model}.png` }).click();
  });

  // The walk
  let frame = 0;
  const way = $("way");
  const walk = () => show(between(latents, ends.a, ends.b, way.valueAsNumber), "Between A and B");
  function set(end, values) {
    ends[end] = copy(values);
    want($(end), ends[end]);
  }
  function stop() {
    cancelAnimationFrame(frame);
    frame = 0;
    $("go").textContent = "Play";
  }
  function go() {
    const from = way.valueAsNumber < 1 ? way.valueAsNumber : 0;
    const began = performance.now() - from * SECONDS * 1000;
    $("go").textContent = "Stop";
    const step = (now) => {
      let part = Math.min(1, (now - began) / 1000 / SECONDS);
      // Without motion the walk is a still picture each second.
      if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
        part = Math.floor(part * SECONDS) / SECONDS;
      }
      way.value = part;
      walk();
      if (part < 1) frame = requestAnimationFrame(step);
      else stop();
    };
    frame = requestAnimationFrame(step);
  }
  way.addEventListener("input", () => (stop(), walk()));
  $("go").addEventListener("click", () => (frame ? stop() : go()));
  for (const end of ["a", "b"]) {
    framed($(end), shape, 64);
    $(`set-${end}`).addEventListener("click", () => (stop(), set(end, edited)));
  }

  redraw();
  set("a", sheet[0]);
  set("b", sheet[1]);
  $("play").hidden = false;
  // From here on the status is for those who hear the page.
  Object.assign($("status"), { textContent: "Ready", className: "said" });
  return generate;
}

const ready = start();
ready.catch(refuse);
/** For the console and for tests. */
globalThis.ganzoo = {
  ready,
  compared,
  idle: () => ready.then(() => idle),
  generate: async (latents) => (await ready)(latents),
};
