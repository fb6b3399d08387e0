// Builds the page into a folder: node build.mjs FOLDER. The folder gets `site/`, and `page.rs`, which lists what is in it for
// `src/server/page.rs`. Names of scripts and styles have a hash of their content, so browsers may keep them for ever.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { gzipAsync } from "@gfx/zopfli";
import { build } from "esbuild";
import { minify } from "terser";

// zopfli listens to these, and would print all of itself before what went wrong.
for (const event of ["uncaughtException", "unhandledRejection"]) process.removeAllListeners(event);

const out = process.argv[2];
const site = join(out, "site");
const ENTRIES = ["src/start.ts", "src/diagnostics.js", "src/check.ts", "src/style.css", "src/later.css", "src/diagnostics.css", "src/check.css"];
/** Pages by their paths. What stands in them as `{app.js}` becomes the name with the hash. */
const PAGES = { "/": "src/index.html", "/api": "src/api.html", "/diagnostics": "src/diagnostics.html", "/check": "src/check.html" };
/** The most kilobytes that one browser gets, as gzip makes them, with the language that takes most: for what is seen first, and for the whole page. */
const BUDGETS = { first: 40, all: 110 };
const KINDS = { html: "text/html; charset=utf-8", css: "text/css; charset=utf-8", js: "text/javascript; charset=utf-8", svg: "image/svg+xml", png: "image/png", webmanifest: "application/manifest+json" };

rmSync(site, { recursive: true, force: true });
mkdirSync(site, { recursive: true });

/** What uPlot offers and the charts do not use. Without these statements more than a third of it is left out: what nothing else asks for goes with them. */
const UNUSED = {
  // Where the system has no language, as with LANG=C, WebKit names one that cannot be, and uPlot would not even load.
  "new Intl.NumberFormat(domEnv ? nav.language : 'en-US')": "new Intl.NumberFormat()",
  // Times and numbers are written by the charts themselves, and they have no legend and no title.
  "\t\t_timeAxisStamps,\n\t\ttimeAxisSplits,": "0, timeAxisSplits,",
  "timeAxisVals(_tzDate, timeAxisStamps((ms == 1 ? _timeAxisStampsMs : _timeAxisStampsS), _fmtDate))": "null",
  "timeSeriesVal(_tzDate, timeSeriesStamp(_timeSeriesStamp, _fmtDate))": "null",
  "isStr(sv) ? timeSeriesVal(_tzDate, timeSeriesStamp(sv, _fmtDate)) : sv || _timeSeriesVal": "sv",
  "timeAxisVals(_tzDate, timeAxisStamps(av, _fmtDate))": "av",
  "timeAxisVal(_tzDate, av)": "av",
  "const [ timeIncrsS,  _timeAxisStampsS,  timeAxisSplitsS  ] = genTimeStuffs(1e-3);": "", "ms == 1 ? timeIncrsMs : timeIncrsS": "timeIncrsMs", "ms == 1 ? timeAxisSplitsMs(_tzDate) : timeAxisSplitsS(_tzDate)": "timeAxisSplitsMs(_tzDate)",
  "const days3 = days.map(slice3);": "const days3 = days;", "const months3 = months.map(slice3);": "const months3 = months;", "new Intl.DateTimeFormat().resolvedOptions().timeZone": "null", "av || numAxisVals": "av", "sv || numSeriesVal": "sv", "genIncrs(2, -53, 53, [1]);": "",
  "const showLegend = legend.show;": "const showLegend = false;", "if (opts.title) {": "if (false) {", "(opts.plugins || []).forEach": "[].forEach",
  // Time runs from left to right, each series has one column, and scales are even ones or go by powers of ten.
  "const mode = self.mode;": "const mode = 1;", "let mode = self.mode;": "const mode = 1;", "const mode = u.mode;": "const mode = 1;",
  "scaleX.ori == 0": "true", "scaleX.ori == 1": "false", "xScaleDistr == 2": "false",
  "rn || (isTime ? snapTimeX : scaleKey == xScaleKey ?\n\t\t\t\t\t(sc.distr == 3 ? snapLogX : sc.distr == 4 ? snapAsinhX : snapNumX) :\n\t\t\t\t\t(sc.distr == 3 ? snapLogY : sc.distr == 4 ? snapAsinhY : snapNumY)\n\t\t\t\t)": "rn || snapTimeX",
  "[_min, _max] = rangeLog(_min, _min, scaleX.log, false);": "{}", "[_min, _max] = rangeAsinh(_min, _min, scaleX.log, false);": "{}", "[_min, _max] = rangeNum(_min, _max, rangePad, true);": "{}",
  "if (scaleKey != xScaleKey || (mode == 2 && !isTime)) {": "if (false) {",
  "sc.distr == 3 ? logAxisSplits : sc.distr == 4 ? asinhAxisSplits : numAxisSplits": "numAxisSplits",
  "sc.distr >= 3 && sc.log == 10 ? log10AxisValsFilt : sc.distr == 3 && sc.log == 2 ? log2AxisValsFilt : retArg1": "retArg1",
  "sc.distr == 2": "false", "sc.distr == 4": "false", "distr == 4": "false", "sc.distr == 100": "false", "distr == 100": "false",
  // What a hand does is for the charts to say, and so is which panels belong together.
  "const cursorFocus = focus.prox >= 0;": "const cursorFocus = false;", "const cursorOnePt = cursorFocus && points.one;": "const cursorOnePt = false;", "if (select.show && dragging) {": "if (false) {", "if (cursor.dataIdx == null) {": "if (false) {",
  "onMouse(mousedown,  over, mouseDown);\n\t\tonMouse(mousemove,  over, mouseMove);\n\t\tonMouse(mouseenter, over, e => {\n\t\t\tsetCursorEvent(e);\n\t\t\tsyncRect(false);\n\t\t});\n\t\tonMouse(mouseleave, over, mouseLeave);\n\n\t\tonMouse(dblclick, over, dblClick);": "",
  "events.mousedown = mouseDown;\n\tevents.mousemove = mouseMove;\n\tevents.mouseup = mouseUp;\n\tevents.dblclick = dblClick;\n\tevents[\"setSeries\"] =": "const setSeriesOfOthers =",
  "const sync = _sync(syncKey);": "", "sync.sub(self);": "", "sync.unsub(self);": "", "const syncKey = syncOpts.key;": "const syncKey = null;", "self.pub = pub;": "",
  "pubSync(mousemove, self, mouseLeft1, mouseTop1, plotWidCss, plotHgtCss, idx);": "", '_pub && pubSync("setSeries", self, i, opts);': "",
  // A plot is made anew where it is another one.
  "self.addSeries = addSeries;": "", "self.delSeries = delSeries;": "", "self.addBand = addBand;": "", "self.setBand = setBand;": "", "self.delBand = delBand;": "", "self.setSeries = setSeries;": "", "self.setLegend = setLegend;": "",
  "uPlot.assign = assign;\nuPlot.fmtNum = fmtNum;\nuPlot.rangeNum = rangeNum;\nuPlot.rangeLog = rangeLog;\nuPlot.rangeAsinh = rangeAsinh;\nuPlot.orient   = orient;": "", "uPlot.sync = _sync;": "", "uPlot.join = join;": "",
  // No mouse is bound, fonts are given, and nothing is drawn in curves.
  "bind: {\n\t\tmousedown:   filtBtn0,\n\t\tmouseup:     filtBtn0,\n\t\tclick:       filtBtn0, // legend clicks, not .u-over clicks\n\t\tdblclick:    filtBtn0,\n\n\t\tmousemove:   filtTarg,\n\t\tmouseleave:  filtTarg,\n\t\tmouseenter:  filtTarg,\n\t},": "",
  "click: (self, e) => {\n\t\t//\te.preventDefault();\n\t\t\te.stopPropagation();\n\t\t\te.stopImmediatePropagation();\n\t\t},": "",
  "on(\"click\", wrap, e => {\n\t\tif (e.target === over) {\n\t\t\tlet didDrag = mouseLeft1 != mouseLeft0 || mouseTop1 != mouseTop0;\n\t\t\tdidDrag && drag.click(self, e);\n\t\t}\n\t}, true);": "",
  "stroke: legendStroke,\n\t\tfill: legendFill,": "", "\t\t\tbezierCurveToH,\n": "", "\t\t\tbezierCurveToV,\n": "",
  '"Segoe UI", Roboto, "Helvetica Neue", Arial, "Noto Sans", sans-serif, "Apple Color Emoji", "Segoe UI Emoji", "Segoe UI Symbol", "Noto Color Emoji"': "sans-serif",
  "uPlot.fmtDate = fmtDate;": "", "uPlot.tzDate  = tzDate;": "", "uPlot.addGap = addGap;\n\tuPlot.clipGaps = clipGaps;": "", "uPlot.paths = {\n\t\tpoints,\n\t}": "{}",
  "(paths.linear  = linear);": "", "(paths.stepped = stepped);": "", "(paths.bars    = bars);": "", "(paths.spline  = monotoneCubic);": "",
};

/**
 * Names in objects of the page and of uPlot that become short ones: those that stand often, and that no browser, no other library, no JSON and no
 * text of a language has. None of them may stand in quotes: below it is looked for.
 */
const OWN = [
  "isOk isOpen isToken isEmpty isKiosk isLog isKept isRetained isForbidden isWithDayBefore isOnline stateOf isPending canRead isState isOthers isConfirmed presenceOf isOver",
  "isBare isStale hasRight openSocket matchesTopic kindTitle isTopic everySecond touchAll forgetAll mayChange isStored isGateway clearLog sendText retryAt isInSight hasPassword",
  "confirmedAt belongTo beforeDrawing askNode readings decimals freshness overflown pieces bases ghost isGhost isTable",
  "bbox idxs distr pxAlign incrs posToVal valToPos labelFont facets gapsClip seriesIdx dataIdx drawOrder labelSize labelGap fillTo alignTo lineGap bandClip viaAutoScaleX",
].join(" ").split(" ");

/** Which texts of web/src/words/ come when; all others come with the later parts. */
const LANGUAGES = ["en", "cs"];
const PARTS = { first: ["WORDS"], check: ["CHECK"], diagnostics: ["DIAGNOSTICS"], html: ["HTML"] };
const texts = Object.fromEntries(await Promise.all(LANGUAGES.map(async (language) => [language, await textsOf(language)])));
const SECTIONS = Object.keys(texts.en);
PARTS.later = SECTIONS.filter((section) => !Object.values(PARTS).flat().includes(section));

/** Which files of src/ say something that comes with the later parts. */
const needLater = new Set();

async function textsOf(language) {
  const { outputFiles } = await build({ entryPoints: [`src/words/${language}.ts`], format: "esm", write: false });
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
}

/** The place of a text in its section: what browsers get has places, and no keys. */
function placeOf(section, key) {
  const place = Object.keys(texts.en[section]).indexOf(key);
  if (place < 0) throw new Error(`there is no text ${section}.${key} in src/words/en.ts`);
  return place;
}

const words = {
  name: "words",
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^texts:/ }, ({ path }) => ({ path: path.slice("texts:".length), namespace: "texts" }));
    onLoad({ filter: /./, namespace: "texts" }, ({ path }) => {
      const [language, part] = path.split("/");
      const told = PARTS[part].map((section) => [section, Object.keys(texts.en[section]).map((key) => texts[language][section][key])]);
      return { contents: `export default ${JSON.stringify(Object.fromEntries(told))}`, loader: "js" };
    });
    onLoad({ filter: /[/\\]src[/\\].*\.(tsx?|js)$/ }, ({ path }) => {
      if (path.includes("node_modules")) return undefined;
      const source = readFileSync(path, "utf8");
      const imported = /import \{([^}]*)\} from "[^"]*\/text\.js"/.exec(source)?.[1] ?? "";
      const sections = SECTIONS.filter((section) => new RegExp(`\\b${section}\\b`).test(imported));
      if (sections.some((section) => PARTS.later.includes(section))) needLater.add(path);
      const named = new RegExp(`\\b(${sections.join("|")})\\.(\\w+)`, "g");
      const contents = sections.length === 0 ? source : source.replaceAll(named, (_, section, key) => `${section}[${placeOf(section, key)}]`);
      return { contents, loader: path.endsWith("tsx") ? "tsx" : path.endsWith("ts") ? "ts" : "js" };
    });
  },
};

const slim = {
  name: "slim",
  setup: ({ onLoad }) => onLoad({ filter: /[/\\]uPlot\.esm\.js$/ }, ({ path }) => {
    let contents = readFileSync(path, "utf8");
    for (const [statement, instead] of Object.entries(UNUSED)) {
      if (!contents.includes(statement)) throw new Error(`uPlot has no "${statement}" any more: look through UNUSED in build.mjs`);
      contents = contents.replaceAll(statement, instead);
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
  mangleProps: new RegExp(`^(_[a-z]\\w+|${OWN.join("|")})$`),
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
  plugins: [words, slim],
});

/** `app.tsx` lies in a part that all later parts share; of its own file nothing is left but its name, and `start.ts` loads the part itself. */
const main = Object.entries(metafile.outputs).find(([, { inputs }]) => "src/app.tsx" in inputs)[0];
const stub = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === "src/app.tsx")[0];
if (main === stub) throw new Error("app.tsx is not shared: each part of PARTS has to import it");
const outputFiles = await Promise.all(built.filter(({ path }) => basename(path) !== basename(stub)).map(smaller));

for (const { path, text } of built) {
  const left = path.endsWith(".js") ? OWN.find((name) => new RegExp(`["'\`]${name}["'\`]`).test(text)) : undefined;
  if (left !== undefined) throw new Error(`"${left}" stands in quotes, so it cannot have a short name: look through OWN in build.mjs`);
}

const names = new Map();
for (const [path, { entryPoint }] of Object.entries(metafile.outputs)) {
  if (entryPoint) names.set(basename(entryPoint).replace(/\.tsx?$/, ".js"), basename(path));
}
names.set("app.js", basename(main));

/** Bytes of each file with gzip. */
const sizes = new Map();
const files = outputFiles.map(({ path, contents }) => file(`/${basename(path)}`, basename(path), Buffer.from(contents), true));
for (const [path, source] of Object.entries(PAGES)) {
  const text = told(readFileSync(source, "utf8")).replaceAll(/\{([a-z]+\.(?:js|css))\}/g, (_, name) => names.get(name) ?? missing(name));
  files.push(file(path, basename(source), Buffer.from(text), false));
}
for (const name of ["icon.svg", "icon-192.png", "icon-512.png", "manifest.webmanifest"]) files.push(file(`/${name}`, name, readFileSync(`src/${name}`), false));
const list = await Promise.all(files);
weigh();
writeFileSync(join(out, "page.rs"), `&[\n${list.join("")}]\n`);

/** Scripts once more by a minifier that looks further than esbuild: 4 % less. (`pure_getters` is none of it: who reads a signal hears of it.) */
async function smaller({ path, contents, text }) {
  if (!path.endsWith(".js")) return { path, contents };
  const { code } = await minify(text.replaceAll(basename(stub), basename(main)), { module: true, ecma: 2022, compress: { passes: 3, keep_fargs: false } });
  return { path, contents: Buffer.from(code) };
}

/** A page with its texts in English. Where scripts put others, the places of these stand in it; where none runs, all languages are read. */
function told(html) {
  const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
  const inLanguage = (inner, language) => inner.replaceAll(/\{HTML\.(\w+)\}/g, (_, key) => escaped(texts[language].HTML[key] ?? missing(`HTML.${key}`)));
  const inAll = (inner) => LANGUAGES.map((language) => `<p class="bar" lang="${language}">${inLanguage(inner, language)}</p>`).join("");
  const english = (section, key) => escaped(texts.en[section][key] ?? missing(`${section}.${key}`));
  return html
    .replaceAll(/<(noscript|div id="late")>(.+)<\/(noscript|div)>/g, (_, open, inner, close) => `<${open}>${inAll(inner)}</${close}>`)
    .replaceAll(/data-text="(\w+)\.(\w+)">/g, (_, section, key) => `data-text="${placeOf(section, key)}">${english(section, key)}`)
    .replaceAll(/data-label="(\w+)\.(\w+)"/g, (_, section, key) => `data-label="${placeOf(section, key)}" aria-label="${english(section, key)}"`)
    .replaceAll(/\{HTML\.(\w+)\}/g, (_, key) => english("HTML", key));
}

/**
 * Fails if the page is larger than it may be for one browser. The first view is what `index.html` names, and what these import at once, with
 * texts; all of it is what comes of that, one after the other. Of each part of the texts the language that takes most is counted.
 */
function weigh() {
  const importsOf = new Map(Object.entries(metafile.outputs).map(([path, { imports }]) => [basename(path), imports]));
  const reached = (names, isFollowed, found = new Set()) => {
    for (const name of names) {
      if (found.has(name)) continue;
      found.add(name);
      reached((importsOf.get(name) ?? []).filter(isFollowed).map(({ path }) => basename(path)), isFollowed, found);
    }
    return found;
  };
  const ofTexts = (part) => LANGUAGES.map((language) => basename(Object.entries(metafile.outputs).find(([, { inputs }]) => `texts:${language}/${part}` in inputs)[0])).sort((one, other) => sizes.get(other) - sizes.get(one));
  const entries = ["start.js", "app.js", "style.css"].map((entry) => names.get(entry));
  const first = reached([...entries, ofTexts("first")[0]], ({ kind }) => kind === "import-statement");
  checkTexts([...first, basename(partOf("src/past.ts"))]);
  const all = reached([...entries, names.get("later.css")], () => true);
  for (const part of ["first", "later"]) for (const name of ofTexts(part).slice(1)) all.delete(name);
  const sum = (names) => [...names].reduce((total, name) => total + (sizes.get(name) ?? 0), sizes.get("index.html")) / 1000;
  const found = { first: sum(first), all: sum(all) };
  for (const [what, most] of Object.entries(BUDGETS)) {
    if (process.env.SIZES) console.log(`${what}: ${found[what].toFixed(1)} of ${most} kB`);
    if (found[what] > most) throw new Error(`the page is too large: ${what} is ${found[what].toFixed(1)} kB with gzip, and ${most} kB are the most`);
  }
}

function partOf(input) {
  return Object.entries(metafile.outputs).find(([, { inputs }]) => input in inputs)[0];
}

/** Fails if one of these files, which do not wait for the later texts, says one of them: it would be drawn before there are words. */
function checkTexts(outputs) {
  for (const [path, { inputs }] of Object.entries(metafile.outputs)) {
    if (!outputs.includes(basename(path))) continue;
    const early = Object.keys(inputs).find((input) => needLater.has(resolve(input)));
    if (early) throw new Error(`${early} says texts that come with the later parts, and does not wait for them`);
  }
}

/**
 * Writes a file as it is and compressed, and returns its entry in the list. Browsers take brotli over https only, and most hubs are called over
 * http: so gzip is done by zopfli, which finds 3 % more.
 */
async function file(path, name, content, isHashed) {
  const best = { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length } };
  writeFileSync(join(site, name), content);
  const gzip = await gzipAsync(content, { numiterations: 15 });
  sizes.set(name, gzip.length);
  writeFileSync(join(site, `${name}.gz`), gzip);
  writeFileSync(join(site, `${name}.br`), brotliCompressSync(content, best));
  const tag = createHash("sha256").update(content).digest("hex").slice(0, 16);
  const at = (ending) => `include_bytes!(concat!(env!("OUT_DIR"), "/site/${name}${ending}"))`;
  return `    File { path: "${path}", kind: "${KINDS[name.split(".").at(-1)]}", is_hashed: ${isHashed}, tag: "${tag}", plain: ${at("")}, gzip: ${at(".gz")}, brotli: ${at(".br")} },\n`;
}

function missing(name) {
  throw new Error(`a page names {${name}}, which is not built`);
}
