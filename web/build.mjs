// Builds the page into a folder: node build.mjs FOLDER. The folder gets `site/`, and `page.rs`, which lists what is in it for
// `src/server/page.rs`. Names of scripts and styles have a hash of their content, so browsers may keep them for ever.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { minify } from "terser";

const out = process.argv[2];
const site = join(out, "site");
const ENTRIES = ["src/app.tsx", "src/diagnostics.js", "src/check.ts", "src/style.css", "src/later.css", "src/diagnostics.css", "src/check.css"];
/** Pages by their paths. What stands in them as `{app.js}` becomes the name with the hash. */
const PAGES = { "/": "src/index.html", "/api": "src/api.html", "/diagnostics": "src/diagnostics.html", "/check": "src/check.html" };
/** The most kilobytes that a browser gets, as gzip makes them: for what is seen first, and for the whole page. */
const BUDGETS = { first: 40, all: 110 };
const KINDS = { html: "text/html; charset=utf-8", css: "text/css; charset=utf-8", js: "text/javascript; charset=utf-8", svg: "image/svg+xml", png: "image/png", webmanifest: "application/manifest+json" };

rmSync(site, { recursive: true, force: true });
mkdirSync(site, { recursive: true });

/** What uPlot offers and the charts do not use. Without these statements a seventh of it is left out. */
const UNUSED = {
  // Where the system has no language, as with LANG=C, WebKit names one that cannot be, and uPlot would not even load.
  "new Intl.NumberFormat(domEnv ? nav.language : 'en-US')": "new Intl.NumberFormat()",
  "uPlot.join = join;": "", "uPlot.fmtDate = fmtDate;": "", "uPlot.tzDate  = tzDate;": "", "(paths.stepped = stepped);": "", "(paths.bars    = bars);": "",
  "(paths.spline  = monotoneCubic);": "", "const showLegend = legend.show;": "const showLegend = false;",
  // Times are written by the charts themselves.
  "\t\t_timeAxisStamps,\n\t\ttimeAxisSplits,": "0, timeAxisSplits,",
  "timeAxisVals(_tzDate, timeAxisStamps((ms == 1 ? _timeAxisStampsMs : _timeAxisStampsS), _fmtDate))": "null",
  "timeSeriesVal(_tzDate, timeSeriesStamp(_timeSeriesStamp, _fmtDate))": "null",
  "isStr(sv) ? timeSeriesVal(_tzDate, timeSeriesStamp(sv, _fmtDate)) : sv || _timeSeriesVal": "sv",
  "timeAxisVals(_tzDate, timeAxisStamps(av, _fmtDate))": "av",
  "timeAxisVal(_tzDate, av)": "av",
};
const slim = {
  name: "slim",
  setup: ({ onLoad }) => onLoad({ filter: /[/\\]uPlot\.esm\.js$/ }, ({ path }) => {
    let contents = readFileSync(path, "utf8");
    for (const [statement, instead] of Object.entries(UNUSED)) {
      if (!contents.includes(statement)) throw new Error(`uPlot has no "${statement}" any more: look through UNUSED in build.mjs`);
      contents = contents.replace(statement, instead);
    }
    return { contents };
  }),
};

const { outputFiles: built, metafile } = await build({
  entryPoints: ENTRIES,
  bundle: true,
  splitting: true,
  format: "esm",
  minify: true,
  write: false,
  metafile: true,
  legalComments: "none",
  jsx: "automatic",
  jsxImportSource: "preact",
  outdir: site,
  entryNames: "[name]-[hash]",
  chunkNames: "part-[hash]",
  target: ["es2022", "chrome123", "firefox120", "safari17.5"],
  logLevel: "error",
  plugins: [slim],
});

/** `app.tsx` lies in a part that all later parts share; of the entry itself nothing is left but its name. */
const main = Object.entries(metafile.outputs).find(([, { inputs }]) => "src/app.tsx" in inputs)[0];
const stub = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === "src/app.tsx")[0];
if (main === stub) throw new Error("app.tsx is not shared: each part of PARTS has to import it");
const outputFiles = await Promise.all(built.filter(({ path }) => basename(path) !== basename(stub)).map(smaller));

const names = new Map();
for (const [path, { entryPoint }] of Object.entries(metafile.outputs)) {
  if (entryPoint) names.set(basename(entryPoint).replace(/\.tsx?$/, ".js"), basename(path));
}
names.set("app.js", basename(main));

const files = outputFiles.map(({ path, contents }) => file(`/${basename(path)}`, basename(path), Buffer.from(contents), true));
for (const [path, source] of Object.entries(PAGES)) {
  const text = readFileSync(source, "utf8").replaceAll(/\{([a-z]+\.(?:js|css))\}/g, (_, name) => names.get(name) ?? missing(name));
  files.push(file(path, basename(source), Buffer.from(text), false));
}
for (const name of ["icon.svg", "icon-192.png", "icon-512.png", "manifest.webmanifest"]) files.push(file(`/${name}`, name, readFileSync(`src/${name}`), false));
weigh();
writeFileSync(join(out, "page.rs"), `&[\n${files.join("")}]\n`);

/** Scripts once more by a minifier that looks further than esbuild: 4 % less. */
async function smaller({ path, contents, text }) {
  if (!path.endsWith(".js")) return { path, contents };
  const { code } = await minify(text, { module: true, ecma: 2020, compress: { passes: 2 } });
  return { path, contents: Buffer.from(code) };
}

/** Fails if the page is larger than it may be. The first view is what `index.html` names, and what these import at once. */
function weigh() {
  const sizes = new Map(outputFiles.map(({ path, contents }) => [basename(path), gzipSync(contents, { level: 9 }).length]));
  const first = new Set();
  const add = (name) => {
    if (first.has(name)) return;
    first.add(name);
    const output = Object.entries(metafile.outputs).find(([path]) => basename(path) === name)?.[1];
    for (const { path, kind } of output?.imports ?? []) if (kind === "import-statement") add(basename(path));
  };
  for (const entry of ["app.js", "style.css"]) add(names.get(entry));
  const others = new Set(["diagnostics.js", "diagnostics.css", "check.js", "check.css"].map((entry) => names.get(entry)));
  const sum = (names) => names.reduce((all, name) => all + sizes.get(name), gzipSync(readFileSync("src/index.html"), { level: 9 }).length) / 1000;
  const found = { first: sum([...first]), all: sum([...sizes.keys()].filter((name) => !others.has(name))) };
  for (const [what, most] of Object.entries(BUDGETS)) {
    if (process.env.SIZES) console.log(`${what}: ${found[what].toFixed(1)} of ${most} kB`);
    if (found[what] > most) throw new Error(`the page is too large: ${what} is ${found[what].toFixed(1)} kB with gzip, and ${most} kB are the most`);
  }
}

/** Writes a file as it is and compressed, and returns its entry in the list. */
function file(path, name, content, isHashed) {
  const best = { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length } };
  writeFileSync(join(site, name), content);
  writeFileSync(join(site, `${name}.gz`), gzipSync(content, { level: 9 }));
  writeFileSync(join(site, `${name}.br`), brotliCompressSync(content, best));
  const tag = createHash("sha256").update(content).digest("hex").slice(0, 16);
  const at = (ending) => `include_bytes!(concat!(env!("OUT_DIR"), "/site/${name}${ending}"))`;
  return `    File { path: "${path}", kind: "${KINDS[name.split(".").at(-1)]}", is_hashed: ${isHashed}, tag: "${tag}", plain: ${at("")}, gzip: ${at(".gz")}, brotli: ${at(".br")} },\n`;
}

function missing(name) {
  throw new Error(`a page names {${name}}, which is not built`);
}
