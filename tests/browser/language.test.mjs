// The page in English and Czech: all of it, chosen by the browser, by the address or by hand, and only one of them loaded.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { newPage, says, startBrowser } from "./support/browser.mjs";
import { assertForEverybody } from "./support/everybody.mjs";
import { folder, startHub, usersFile } from "./support/hub.mjs";
import { connect } from "./support/node.mjs";
import { onlyIn, textsOf, told } from "./support/words.mjs";

const PASSWORD = "correct horse";
const USERS = [{ name: "root", subscribe: ["#"], publish: ["#"], admin: true }, { name: "emil", subscribe: ["#"], publish: [] }];
const EN = textsOf("en");
const CS = textsOf("cs");
const isEnglish = onlyIn(EN, CS);
const ATTIC = "home/attic";

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser.close());

/** A hub with an account, a node and something of everything. */
async function house(t) {
  const hub = await startHub(t, { simulator: "off", users: usersFile(t, USERS), store: folder(t) });
  const node = await connect(t, hub, ATTIC, "node", { auth: `root:${PASSWORD}`, filters: ["relay/#", "led/#"] });
  await node.publish("thermometer/0", { temperature: [21.5, "℃"] });
  await node.publish("hygrometer/0", { "relative-humidity": [40, "%"] });
  await node.publish("barometer/0", { pressure: [97.5, "kPa"], altitude: [312, "m"] });
  await node.publish("relay/1", { state: false });
  await node.publish("led/-", { state: "1-dot" });
  await node.publish("door/0", { contact: "ajar", battery: null, secure: true, remark: "" });
  return { hub, node };
}

async function czech(t, hub, path = "", options = {}) {
  const page = await newPage(t, browser, { locale: "cs-CZ", ...options });
  await page.goto(`${hub.origin}/${path}`);
  return page;
}

async function signIn(page, name = "root") {
  await page.getByLabel("Jméno", { exact: true }).fill(name);
  await page.getByLabel("Heslo", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Heslo", { exact: true }).press("Enter");
  await page.locator('#pill[data-look="live"]').waitFor();
}

/** No text of the English file is on this screen, and it is said to be Czech. */
async function assertCzech(page, screen) {
  assert.equal(await page.locator("html").getAttribute("lang"), "cs", screen);
  const english = (await told(page)).filter(isEnglish);
  assert.deepEqual(english, [], `${screen} says this in English`);
}

test("each screen in Czech has no English text on it", async (t) => {
  const { hub, node } = await house(t);
  const page = await czech(t, hub);
  await page.getByRole("button", { name: "Přihlásit se", exact: true }).waitFor();
  await assertCzech(page, "sign-in");
  await page.getByLabel("Jméno", { exact: true }).fill("root");
  await page.getByLabel("Heslo", { exact: true }).fill("wrong");
  await page.getByLabel("Heslo", { exact: true }).press("Enter");
  await says(page.getByRole("alert"), "Jméno a heslo k sobě nepatří.");
  await assertCzech(page, "a wrong password");
  await signIn(page);

  const attic = page.getByRole("region", { name: ATTIC, exact: true });
  await attic.getByRole("heading", { name: "Teplota", exact: true }).waitFor();
  for (const summary of await attic.locator("summary").all()) await summary.click();
  await assertCzech(page, "values");
  for (const by of ["Místnosti", "Veličiny", "Uzly"]) {
    await page.getByRole("button", { name: by, exact: true }).click();
    await assertCzech(page, by);
  }
  const relay = attic.getByRole("switch");
  await relay.click();
  await attic.getByText("Zapíná se…").waitFor();
  await assertCzech(page, "a wish");
  await node.publish("relay/1", { state: true });
  await attic.getByText(/^Potvrzeno /).waitFor();
  await assertCzech(page, "a switch that is confirmed");
  for (const search of ["is:odd", "age>1x", "/(/", "nothing at all"]) {
    await page.getByLabel("Hledat", { exact: true }).fill(search);
    await page.waitForFunction(() => document.querySelector("#search-says").textContent !== "" || document.querySelector(".note"));
    await assertCzech(page, `the search ${search}`);
  }
  await page.getByLabel("Hledat", { exact: true }).fill("");

  await page.getByRole("button", { name: "Uspořádat", exact: true }).click();
  await page.getByRole("button", { name: "Upravit: Teplota", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Teplota (℃), horní mez").fill("teplo");
  await dialog.getByRole("button", { name: "Uložit" }).click();
  await says(dialog.getByRole("alert"), "tohle není číslo");
  await assertCzech(page, "a value that is edited");
  await dialog.getByLabel("Teplota (℃), horní mez").fill("20,5");
  await dialog.getByLabel("Místnost").fill("Půda");
  await dialog.getByRole("button", { name: "Uložit" }).click();
  await dialog.waitFor({ state: "detached" });
  await says(page.locator(".alarms"), "Teplota: 21,5 ℃, nad 20,5 ℃");
  await page.locator(".alarms summary").click();
  await assertCzech(page, "alarms, while things are arranged");
  await page.getByRole("button", { name: "Hotovo" }).click();

  await page.getByRole("button", { name: "Sdílet" }).click();
  await page.getByRole("dialog").waitFor();
  await assertCzech(page, "sharing");
  await page.getByRole("button", { name: "Vytvořit odkaz" }).click();
  await page.getByText("Ukáže se jen jednou").waitFor();
  await assertCzech(page, "a link that is made");
  await page.getByRole("dialog").getByRole("button", { name: "Zavřít" }).click();

  await page.getByRole("button", { name: "Zpět v čase" }).click();
  await page.locator("#travel-says").waitFor();
  await assertCzech(page, "the slider of the past");
  await page.getByRole("button", { name: "O minutu dříve" }).click();
  await says(page.locator("#travel-says"), "Toto je minulost");
  await assertCzech(page, "the past");
  await page.getByRole("button", { name: "Zpět do přítomnosti" }).click();
  await page.getByRole("button", { name: "Zavřít", exact: true }).click();

  await page.getByRole("link", { name: "Grafy" }).click();
  await page.getByText("Vyberte veličinu").waitFor();
  await assertCzech(page, "charts without a number");
  await page.locator(".chooser").getByRole("button", { name: /^Teplota/ }).click();
  await page.locator(".chooser").getByRole("button", { name: /^Relé 1/ }).click();
  await page.locator("canvas").first().waitFor();
  await page.getByRole("button", { name: "Zobrazit jako tabulku" }).click();
  await page.getByRole("button", { name: "Logaritmicky" }).click();
  await says(page.locator("#chart-summary"), /Teplota, posledních 6 h: 21,5 ℃, nyní 21,5, ustálené\./);
  await assertCzech(page, "charts");

  await page.getByRole("link", { name: "Průzkumník" }).click();
  await page.getByRole("tree").waitFor();
  await assertCzech(page, "the explorer");
  await page.goto(`${hub.origin}/#/explorer?topic=${encodeURIComponent(`${ATTIC}/thermometer/0`)}`);
  await page.locator(".copy-as summary").click();
  await page.getByRole("button", { name: "Publikovat sem…" }).click();
  await page.getByLabel("Obsah", { exact: true }).last().fill("{");
  await page.getByText("chybí konec").waitFor();
  await page.getByRole("button", { name: "Pozastavit" }).click();
  await assertCzech(page, "a message");

  for (const one of ["accounts", "tokens", "device", "events", "links", "hub"]) {
    await page.goto(`${hub.origin}/#/admin/${one}`);
    await page.locator(".admin h2").first().waitFor();
    if (one === "accounts") {
      await page.getByRole("list", { name: "Účty" }).getByRole("button", { name: /^root/ }).click();
      await page.getByRole("button", { name: "Odstranit", exact: true }).click();
      await page.getByLabel("Téma nebo filtr").fill("a/b");
      await page.getByRole("button", { name: "Vysvětlit" }).click();
      await page.locator(".answers dt").first().waitFor();
    }
    if (one === "device") {
      await page.getByLabel("Název zařízení").fill("veranda");
      await page.getByRole("button", { name: "Vytvořit token" }).click();
      await page.getByText("Čeká se na zařízení").waitFor();
    }
    if (one === "events") await page.locator("tbody tr").first().waitFor();
    if (one === "hub") await page.locator("[data-figure]").first().waitFor();
    await assertCzech(page, `the operator's ${one}`);
  }

  await page.goto(`${hub.origin}/#/?kiosk=1`);
  await page.getByRole("button", { name: "Ukončit zobrazení na zdi" }).waitFor();
  await assertCzech(page, "a wall");
  await page.goto(`${hub.origin}/#/`);
  await page.getByRole("button", { name: "Odhlásit se" }).click();
  await says(page.locator("#sign-in-why"), "Jste odhlášeni.");
  await assertCzech(page, "signed out");
});

test("what is lost, empty or for others to do is told in Czech, too", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const page = await czech(t, hub);
  await page.getByText("Tento hub běží jako ukázka").waitFor();
  await assertCzech(page, "the demo");
  await page.getByRole("button", { name: "Přihlásit se", exact: true }).click();
  await page.getByText("Zatím se neozvalo žádné zařízení").waitFor();
  await assertCzech(page, "a hub where nobody speaks");
  await hub.stop("SIGKILL");
  await page.locator("#bar").waitFor();
  await says(page.locator("#bar"), /Další pokus/);
  await assertCzech(page, "a hub that is gone");
  await page.waitForFunction(() => document.title === "Bez spojení – Clown Hub");

  const other = await house(t);
  const viewer = await czech(t, other.hub);
  await signIn(viewer, "emil");
  await viewer.getByText("Jen pro čtení").first().waitFor();
  await assertCzech(viewer, "who may only look");
  await viewer.getByRole("link", { name: "Průzkumník" }).click();
  await viewer.getByText("váš účet nesmí nic publikovat").waitFor();
  await assertCzech(viewer, "the explorer of who may only look");
});

test("the self-check and the diagnostics speak Czech", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const page = await czech(t, hub, "check");
  await page.getByRole("button", { name: "Spustit znovu" }).and(page.locator(":enabled")).waitFor();
  await page.getByText("Nikdo tu není přihlášen.").waitFor();
  await assertCzech(page, "the self-check");
  await page.goto(`${hub.origin}/diagnostics`);
  await page.getByRole("button", { name: "Otevřít", exact: true }).click();
  await page.getByText("Otevřeno", { exact: true }).first().waitFor();
  await page.getByRole("button", { name: "Odeslat", exact: true }).click();
  await page.locator('[data-kind="received"]').first().waitFor();
  await page.getByRole("button", { name: "Nastavit na Clown.Talk" }).click();
  await page.getByText("Nejdřív socket zavřete.").first().waitFor();
  await assertCzech(page, "the diagnostics");
});

test("the language is that of the browser, until somebody chooses another one, and an address may name one", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const page = await czech(t, hub);
  const language = () => page.locator("html").getAttribute("lang");
  await page.getByRole("button", { name: "Přihlásit se", exact: true }).waitFor();
  await page.getByLabel("Jazyk").selectOption("English");
  await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
  await page.reload();
  await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
  assert.equal(await language(), "en");
  await page.goto(`${hub.origin}/check`);
  await page.getByRole("button", { name: "Run it again" }).waitFor();
  await page.goto(`${hub.origin}/#/explorer?lang=cs`);
  await page.getByRole("button", { name: "Přihlásit se", exact: true }).click();
  await page.getByRole("tree", { name: "Témata" }).waitFor();
  await page.getByRole("link", { name: "Hodnoty", exact: true }).click();
  await page.waitForURL(/lang=cs/);
  await page.evaluate(() => (location.hash = "#/explorer?lang=en"));
  await page.getByRole("tree", { name: "Topics" }).waitFor();
  await page.getByLabel("Language").selectOption("Čeština");
  await page.getByRole("tree", { name: "Témata" }).waitFor();
  assert.match(page.url(), /lang=cs/);
  await page.goto(`${hub.origin}/#/explorer?lang=xx`);
  await page.getByRole("tree", { name: "Témata" }).waitFor();

  const german = await newPage(t, browser, { locale: "de-DE" });
  await german.goto(`${hub.origin}/`);
  await german.getByRole("button", { name: "Sign in", exact: true }).waitFor();
});

test("only the language that is told is loaded, also of later parts", async (t) => {
  const { hub } = await house(t);
  const page = await czech(t, hub);
  await signIn(page);
  await page.getByRole("link", { name: "Grafy" }).click();
  await page.getByText("Vyberte veličinu").waitFor();
  const scripts = [...new Set(page.asked.filter((url) => url.endsWith(".js")))];
  const texts = await page.evaluate((urls) => Promise.all(urls.map(async (url) => (await fetch(url)).text())), scripts);
  const has = (text) => texts.filter((script) => script.includes(text)).length;
  assert.deepEqual([has(CS.WORDS.skip), has(CS.CHARTS.empty), has(EN.WORDS.skip), has(EN.CHARTS.empty)], [1, 1, 0, 0]);
});

test("Czech counts, writes numbers and times as Czechs do", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  for (const [base, count] of [["a", 1], ["b", 3], ["c", 5]]) {
    const node = await connect(t, hub, base, "node");
    for (let number = 0; number < count; number += 1) await node.publish(`thermometer/${number}`, { temperature: [number - 0.5, "℃"], pressure: [101325.5, "Pa"] });
  }
  const page = await czech(t, hub);
  await page.getByRole("button", { name: "Přihlásit se", exact: true }).click();
  for (const [base, words] of [["a", "1 hodnota"], ["b", "3 hodnoty"], ["c", "5 hodnot"]]) await says(page.getByRole("region", { name: base, exact: true }).locator(".about"), words);
  const tile = page.getByRole("region", { name: "a", exact: true }).locator(".tile");
  await says(tile.locator(".value"), "−0,5");
  await says(tile.locator(".more").first(), /101\s326/);
  await tile.locator("summary").click();
  await says(tile.locator("dl"), /\d{2}\. \d{2}\. \d{4}/);
});

test("axe finds nothing in Czech, and nothing is wider than the screen", async (t) => {
  const { hub } = await house(t);
  const page = await czech(t, hub, "", { viewport: { width: 1280, height: 800 } });
  await assertForEverybody(page, "sign-in in Czech");
  await signIn(page);
  for (const screen of ["", "charts", "explorer", "admin/accounts", "admin/tokens", "admin/device", "admin/events", "admin/links", "admin/hub"]) {
    await page.goto(`${hub.origin}/#/${screen}`);
    await page.locator("main > *").nth(0).waitFor();
    await page.waitForFunction(() => !document.querySelector("main > .note:only-child"));
    await assertForEverybody(page, `${screen} in Czech`);
  }
});
