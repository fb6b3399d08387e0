// Všechny texty stránek česky. The keys and what they are for: en.ts.

import type { Same } from "../core/text.js";
import type * as en from "./en.js";

export const WORDS: Same<typeof en.WORDS> = {
  skip: "Přejít na hodnoty", loading: "Načítá se…", notShown: "Část stránky se nepodařilo zobrazit.", language: "Jazyk", screens: "Obrazovky",
  screen: { overview: "Hodnoty", charts: "Grafy", explorer: "Průzkumník", admin: "Správa" },
  lookBack: "Zpět v čase", share: "Sdílet", runCheck: "Spustit kontrolu spojení", viewOnly: "Jen pro čtení", signedInAs: "Přihlášen uživatel",
  signOut: "Odhlásit se", past: "Minulost", live: "Živě", restarting: "Hub se restartuje", offlinePill: "Bez spojení", signedOut: "Odhlášeno",
  connecting: "Připojuje se…",
  leftOut: "Z údajů, které přišly příliš rychle, byl poslán vždy jen nejnovější. Vynecháno: {count}.",
  rate: "{rate} zpráv/s", valuesFrom: "Hodnoty níže jsou z {time} nebo starší.", nextTry: "Další pokus za {count} s.",
  nextNow: "Další pokus právě teď.", retry: "Zkusit hned", updated: "Hub byl aktualizován.", reload: "Načíst znovu",

  youSignedOut: "Jste odhlášeni.",
  signOutFailed: "Odhlášení se nepodařilo: hub není dostupný. Tento prohlížeč zůstane přihlášený, dokud přihlášení nevyprší.",
  connectedAgain: "Spojení je obnoveno.", lost: "Spojení se přerušilo.", ended: "Vaše přihlášení skončilo. Přihlaste se znovu.",
  notReachable: "Hub není dostupný.", noHello: "Hub neodpověděl.", noSign: "Hub přestal odpovídat.", accountChanged: "Váš účet byl změněn.",
  isRestarting: "Hub se restartuje.", closed: "Hub ukončil spojení: {reason}.",

  signIn: "Přihlásit se", signInWait: "Přihlásit se ({count} s)", name: "Jméno", password: "Heslo", show: "Ukázat", hide: "Skrýt",
  capsLock: "Je zapnutý Caps Lock.", stay: "Zůstat přihlášen", tryAgainIn: "{sentence} Zkuste to znovu za {count} s.",
  troubleCheck: "Něco nefunguje? Spusťte kontrolu spojení",
  demo: "Tento hub běží jako ukázka, jen pro tento počítač. Jméno a heslo jsou vyplněné: {name} a {password}.",
  unreachable: "Hub neodpovídá. Běží a funguje síť?", linkOver: "Tento odkaz už neplatí: byl zrušen, nebo vypršel.",
  answered: "Hub odpověděl {status}.", noMatch: "Jméno a heslo k sobě nepatří.",
  triesLeft: {
    one: "Do vynucené přestávky zbývá jeden pokus.", few: "Do vynucené přestávky zbývají {count} pokusy.",
    other: "Do vynucené přestávky zbývá {count} pokusů.",
  },
  tooManyTries: "Příliš mnoho chybných hesel.", busy: "Hub je zaneprázdněný.",

  find: "Hledat", findHint: "Hledat: půda, unit:℃, is:stale, value>20", groupBy: "Seskupit podle",
  by: { node: "Uzly", room: "Místnosti", quantity: "Veličiny" },
  foldAll: "Sbalit vše", openAll: "Rozbalit vše", done: "Hotovo", arrange: "Uspořádat", wrong: "Co není v pořádku",
  alarms: { one: "{count} alarm", few: "{count} alarmy", other: "{count} alarmů" },
  offlineCount: { one: "{count} odpojený", few: "{count} odpojené", other: "{count} odpojených" },
  stale: { one: "{count} zastaralá", few: "{count} zastaralé", other: "{count} zastaralých" },
  values: { one: "{count} hodnota", few: "{count} hodnoty", other: "{count} hodnot" },
  valuesOf: { one: "{found} z {count} hodnoty", few: "{found} ze {count} hodnot", other: "{found} z {count} hodnot" },
  messages: { one: "{count} zpráva", few: "{count} zprávy", other: "{count} zpráv" },
  favourites: "Oblíbené", nothingFits: "Nic tu neodpovídá hledání.", showAll: "Zobrazit vše",
  tooManyTopics: "Témat je více než {count}. Zobrazuje se prvních {count}, která se ozvala.", switches: "Spínače", noRoom: "Bez místnosti",
  sections: { sensors: "senzory", controls: "ovládání", other: "ostatní" },
  presence: { "online": "připojen", "was-online": "byl připojen", "offline": "odpojen" },
  gateway: "brána: {word}", since: "od {time}", noValues: "zatím bez hodnot",

  details: "podrobnosti: {title}, {name}", silentSince: "Mlčí od {time}", noDataFor: "{span} bez dat", asOf: "stav z {time}", justNow: "právě teď",
  ago: "před {span}", at: "čas {time}", topic: "Téma", time: "Čas", payload: "Obsah", interval: "Interval",
  irregular: "nepravidelný, nebo zatím neznámý", seen: "Přijato", chart: "Graf", toChart: "graf", whoSwitched: "Kdo to přepnul?",
  favourite: "Oblíbené", makeFavourite: "Přidat k oblíbeným", more: "a další v podrobnostech: {count}", wholeInDetails: "(celé v podrobnostech)",
  cutHere: "(zde zkráceno)", notAvailable: "Není k dispozici", yes: "Ano", no: "Ne", emptyText: "(prázdný text)",
  lastHour: "poslední hodina: {range}", lastHourGaps: "poslední hodina: {range}, s mezerami", fromTo: "{low} až {high}",

  on: "Zapnuto", off: "Vypnuto", notKnown: "Není známo",
  leds: { "1-dot": "1 bliknutí", "2-dot": "2 bliknutí", "3-dot": "3 bliknutí" },
  turningOn: "Zapíná se…", turningOff: "Vypíná se…", setting: "Nastavuje se {state}…", tryAgain: "Zkusit znovu", askState: "Zjistit stav",
  viewOnlyYou: "Jen pro čtení: váš účet toto nesmí přepínat.", lockedPast: "Zamčeno: zobrazuje se minulost.", waitingForHub: "Čeká se na hub.",
  stateUnknown: "Stav není znám.", still: "Stále {state}, stav z {time}.", confirmed: "Potvrzeno {time}.", nodeOffline: "Uzel je odpojen.",
  silence: { relay: "Relé neodpovídá.", led: "LED neodpovídá.", device: "Zařízení neodpovídá." },
  notConnected: { relay: "Nepřepnuto: relé není připojené.", led: "Nepřepnuto: LED není připojená.", device: "Nepřepnuto: zařízení není připojené." },
  unsure: "Odesláno, nepotvrzeno.", notSwitched: "Nepřepnuto: {why}", deviceRefused: "zařízení povel odmítlo",
  saidConfirmed: "{title}: {state}, potvrzeno", otherSwitched: "Přepnul to někdo jiný.",

  alarm: "Alarm: {list}.", alarmMore: "a další: {count}", high: "Vysoko", low: "Nízko", silent: "Mlčí", over: "{what}: {value}, nad {limit}",
  under: "{what}: {value}, pod {limit}", stillHigh: "{what}: {value}, bylo nad {limit}, alarm skončí na {end}",
  stillLow: "{what}: {value}, bylo pod {limit}, alarm skončí na {end}", silentFor: "{title}: mlčí {span}, nejvýše má {most}",
  nothingKnown: "{title}: nic o ní není známo",

  noExpression: "/{source}/ není regulární výraz.", isUnknown: "is:{name} není známé. Možnosti jsou {list}.", needsNumber: "{term} potřebuje číslo.",
  ageUnits: "age se udává v s, m, h nebo d, ne v {unit}.",

  titles: {
    "temperature": "Teplota", "relative-humidity": "Vlhkost", "humidity": "Vlhkost", "illuminance": "Osvětlení", "concentration": "CO₂", "pressure": "Tlak",
    "altitude": "Nadmořská výška", "voltage": "Napětí", "current": "Proud", "power": "Výkon", "apower": "Výkon", "energy": "Energie", "battery": "Baterie", "event-count": "Stisky", "relay": "Relé", "led": "LED",
    "state": "Stav", "motion": "Pohyb", "contact": "Kontakt", "brightness": "Jas", "presence": "Přítomnost",
  },
  spoken: {
    "℃": "stupňů Celsia", "℉": "stupňů Fahrenheita", "%": "procent", "kPa": "kilopascalů", "hPa": "hektopascalů", "Pa": "pascalů", "m": "metrů", "ppm": "částic na milion",
    "V": "voltů", "A": "ampérů", "W": "wattů", "kWh": "kilowatthodin",
  },
};

export const EMPTY: Same<typeof en.EMPTY> = {
  title: "Zatím se neozvalo žádné zařízení", plugged: "Je zařízení nebo jeho brána zapojená a připojuje se k tomuto hubu? Poznáte to z jejího logu.",
  simulator: "Nemáte nic po ruce? Spusťte hub znovu s volbou {command} a ozvou se simulovaná zařízení.",
  byHand: "Zkuste to ručně: nástrojem pro WebSocket otevřete {address} se svým jménem a heslem a pošlete {frame}",
};

export const EXPLORER: Same<typeof en.EXPLORER> = {
  gaveWay: { one: "{count} údaj nahradil novější", few: "{count} údaje nahradily novější", other: "{count} údajů nahradily novější" },
  topics: "Témata", noMore: "{count}, více než {most} se nezobrazuje", emptyLevel: "(prázdná úroveň)", message: "Zpráva",
  choose: "Vyberte téma a zde se zobrazí jeho poslední zpráva.", nothingSaid: "Od otevření této stránky nepřišlo na téma {topic} nic.",
  kept: "poslední hodnota, kterou hub uchovává", payload: "Obsah", copied: "Zkopírováno", copyPayload: "Kopírovat obsah", copyTopic: "Kopírovat téma",
  publishHere: "Publikovat sem…", copyAs: "Kopírovat jako", copyAsHow: "Příkaz, který tuto zprávu publikuje. Heslo si vezme z proměnné HUB_PASSWORD.",
  copyAsMqtt: "Hub přijímá MQTT, má-li v konfiguraci mqtt.listen (docs/mqtt.md).", copyCommand: "Kopírovat", command: "Příkaz", charts: "Grafy",
  chartOf: "{title}: graf",

  messages: "Zprávy", sent: "Odesláno.", refused: "Odmítnuto: {reason}.",
  news: { one: "{count} nová", few: "{count} nové", other: "{count} nových" },
  ofAtMost: "{count} z nejvýše {most}", goOn: "Pokračovat", pause: "Pozastavit", clear: "Vymazat", export: "Exportovat",
  cut: "Příliš dlouhé pro soubor: {count}.",

  publish: "Publikovat", publishNothing: "Jen pro čtení: váš účet nesmí nic publikovat.", topic: "Téma",
  topicHint: "Například relay/1/set, od kořene.", mayNot: "Tam váš účet publikovat nesmí.",
  slash: "Téma začíná lomítkem: jeho první úroveň je prázdná.", nobody: "Na toto téma zatím nikdo nic neposlal.",
  bytes: { one: "JSON, {count} bajt. Odešle Ctrl a Enter.", few: "JSON, {count} bajty. Odešle Ctrl a Enter.", other: "JSON, {count} bajtů. Odešle Ctrl a Enter." },
  retain: "Hub ji má uchovat (retain)", send: "Odeslat", format: "Zformátovat",
  noConnection: "Není spojení.",

  noTopic: "Téma má aspoň jeden znak.", wildcards: "Téma k publikování neobsahuje + ani #: to jsou zástupné znaky filtrů.",
  noNul: "Téma neobsahuje znak NUL.", ofTheHub: "Tématy pod clown.talk se mluví se samotným hubem.", longTopic: "Téma má nejvýše 65 535 bajtů.",

  isJson: 'Obsah je JSON: true, 21.5, "text" nebo {"state": true}.',
  needsQuotes: "Tohle není JSON. Text má uvozovky: {text}", noEnd: "Tohle ještě není JSON: chybí konec.", noJson: "Tohle není JSON.",
  endAt: "Tohle není JSON: řádek {line}, sloupec {column}, chybí konec.",
  oddAt: "Tohle není JSON: řádek {line}, sloupec {column}, {found} tam nepatří.", lineBreak: "konec řádku",
};

export const CHARTS: Same<typeof en.CHARTS> = {
  screen: "Grafy", add: "Přidat veličinu", addHint: "Hledat: půda, unit:℃", addNone: "Nic tu neodpovídá, nebo nic z toho není číslo ani stav.",
  addMany: { one: "a {count} další: upřesněte hledání", few: "a {count} další: upřesněte hledání", other: "a {count} dalších: upřesněte hledání" },
  addFull: "Graf zobrazí nejvýše {most} řad. Chcete-li přidat další, jednu odeberte.", remove: "Odebrat z grafu: {name}", ranges: "Rozsah",
  all: "Vše", yesterday: "Včera", earlier: "Dříve", later: "Později", back: "Zpět", live: "Nyní", low: "Dolní mez", high: "Horní mez",
  dayBefore: "Den předtím", dayBeforeHint: "Vykreslí předchozí den světlou čarou. Pro rozsahy do dvou dnů.", log: "Logaritmicky",
  logHint: "Každý dílek stupnice je desetkrát větší než předchozí. Jen tam, kde jsou všechny viditelné hodnoty větší než nula.",
  notLog: "Ne všechny viditelné hodnoty jsou větší než nula: stupnice {units} zůstává rovnoměrná.", noUnit: "bez jednotky",
  table: "Zobrazit jako tabulku", png: "PNG", csv: "CSV", copy: "Kopírovat odkaz", copied: "Zkopírováno",
  notCopied: "Tento prohlížeč nedovolí stránce kopírovat. Odkazem je adresa stránky.", exporting: "Dotaz na hub…",
  exportFailed: "Soubor nevznikl. {why}", tooLarge: "Obrázek je pro tento prohlížeč příliš velký.", empty: "Vyberte veličinu a zde se vykreslí její minulost.",
  emptyHow: "K jejímu grafu vede i každé číslo na stránce.", loading: "Dotaz na hub…", nothing: "V této době se nic neuložilo.",
  forbidden: "Téma {topic} váš účet číst nesmí.", odd: "Hub na otázku neodpověděl: {why}",
  problems: {
    off: "Historie je na tomto hubu vypnutá, není se tedy kam ohlížet. Nové údaje se kreslí, jak přicházejí. Hub vede historii tam, kde má úložiště: store.directory v jeho konfiguraci.",
    session: "Jste odhlášeni.",
    busy: "Hub vyřizuje jiné dotazy. Zeptáme se ho znovu.",
    unreachable: "Hub neodpovídá. Co je nakresleno, je z doby předtím.",
  },
  notRef: "Adresa obsahuje řadu, která nemůže existovat: {text}", noHistory: "JSON bez historie",
  gaps: {
    one: "V grafu je mezera, ve které mohou údaje chybět.", few: "V grafu jsou {count} mezery, ve kterých mohou údaje chybět.",
    other: "V grafu je {count} mezer, ve kterých mohou údaje chybět.",
  },
  states: "Stavy", chartOf: "Graf: {names}", role: "graf",
  keys: "Šipky posouvají kurzor, se Shiftem o deset míst. Plus a minus mění měřítko, Home a End jdou na konce, Page Up a Page Down posouvají v čase. Mezerník označí začátek a konec výběru, Escape jej zruší.",
  help: "Kolečkem nebo dvěma prsty se mění měřítko, tažením se posouvá, tažením se Shiftem se vybírá, dvojklikem se jde zpět.", figures: "Souhrn",
  figuresOf: "Souhrn: {window}", selection: "Souhrn výběru: {window}, {duration}", clearSelection: "Zrušit výběr", series: "Řada", least: "Nejnižší",
  greatest: "Nejvyšší", mean: "Průměr", slope: "Změna za hodinu", atCursor: "V {moment}", last: "Poslední", noValue: "nic", time: "Čas",
  rows: { one: "{count} řádek, nejnovější první", few: "{count} řádky, nejnovější první", other: "{count} řádků, nejnovější první" },
  tableCut: "Zobrazuje se nejnovějších {most} řádků. V CSV jsou všechny.", spread: "{low} až {high}", held: "{state} po dobu {duration}",
  noChange: "beze změny",
  changes: { one: "{count} změna", few: "{count} změny", other: "{count} změn" },
  allKept: "vše, co se uchovává", lastSpan: "posledních {span}", sentence: "{name}, {range}: {values}, {when} {last}, {trend}.",
  stateSentence: "{name}, {range}: {held}, {changes}, {when} {last}.", now: "nyní", atEnd: "na konci",
  trends: { rising: "roste", falling: "klesá", steady: "ustálené" },
  on: "zapnuto", off: "vypnuto",
  results: { waiting: "čeká na zařízení", confirmed: "potvrzeno", refused: "zařízení odmítlo", timeout: "bez odpovědi", offline: "zařízení nebylo připojené", superseded: "nahrazeno jiným povelem" },
};

export const TRAVEL: Same<typeof en.TRAVEL> = {
  title: "Zpět v čase", past: "Toto je minulost", how: "Posuňte jezdec: hodnoty, spínače a log se ukážou tak, jak byly tehdy.",
  locked: "Nic nelze přepnout ani publikovat.", slider: "Okamžik", exact: "Datum a čas", now: "Nyní", toNow: "Zpět do přítomnosti", close: "Zavřít",
  asking: "Dotaz na hub…",
  steps: { hourBefore: "O hodinu dříve", minuteBefore: "O minutu dříve", minuteAfter: "O minutu později", hourAfter: "O hodinu později" },
  before: "Předchozí událost", after: "Další událost",
  problems: {
    off: "Historie je na tomto hubu vypnutá, není tedy minulost, na kterou by se dalo podívat. Hub vede historii tam, kde má úložiště: store.directory v jeho konfiguraci.",
    forbidden: "Váš účet se do minulosti dívat nesmí.",
    session: "Jste odhlášeni.",
    busy: "Hub vyřizuje jiné dotazy. Pohněte jezdcem znovu.",
    unreachable: "Hub neodpovídá.",
  },
  odd: "Hub na otázku neodpověděl: {why}", tooOld: "Požadovaný okamžik je starší než jeden den. Toto je nejstarší, který lze ukázat.",
  partly: "Hub má více řad, než na kolik se tato stránka ptá. Některé hodnoty chybí.", came: "{node}: připojen", went: "{node}: odpojen",
};

export const ARRANGE: Same<typeof en.ARRANGE> = {
  about: "Názvy, místnosti, pořadí a meze uchovává hub. Vidí je každý, kdo smí číst danou hodnotu.",
  unstored: "Tento hub nemá úložiště: co zde změníte, se po jeho zastavení ztratí.", edit: "Upravit: {title}", editShort: "Upravit",
  earlier: "Posunout dopředu: {title}", later: "Posunout dozadu: {title}", name: "Název", room: "Místnost",
  roomOfNode: "Místnost (prázdné znamená tu, kde je uzel: {room})", icon: "Ikona", noIcon: "Žádná",
  icons: {
    lamp: "Lampa", heat: "Teplo", water: "Voda", wind: "Vítr", sun: "Slunce", plug: "Zásuvka", door: "Dveře", window: "Okno", bed: "Postel", pot: "Hrnec", sofa: "Pohovka", plant: "Rostlina", car: "Auto", bell: "Zvonek",
  },
  low: "{what}, dolní mez", high: "{what}, horní mez", silent: "Alarm, když mlčí déle než (minut)", limits: "Alarmy",
  notNumber: "{label}: tohle není číslo. Číslo je {example}.", save: "Uložit", saved: "Uloženo: {title}.", moved: "Přesunuto: {title}.",
  changed: "Mezitím to změnil někdo jiný. Z vašich změn zatím není nic uloženo.", theirs: "Převzít jejich verzi", mine: "Přesto uložit mou verzi",
  export: "Exportovat", exportFailed: "Hub neodpověděl, soubor tedy není.", import: "Importovat…",
  importAsk: "Nahradit všechny názvy, místnosti a meze tohoto hubu obsahem souboru?", importYes: "Ano, nahradit",
  imported: "Soubor byl načten a platí.", noJson: "Tento soubor není JSON.", rooms: "Pořadí místností", roomEarlier: "{room} o jedno místo dopředu",
  alarms: "Alarmy", none: "Všechny hodnoty s mezemi jsou v pořádku.", sound: "Zvuk", notify: "Oznámení",
  noNotify: "Oznámení vyžadují https a vaše povolení v prohlížeči.",
  blocked: "Prohlížeč dovolí stránce zvuk až po prvním kliknutí nebo stisku klávesy.",
};

export const SHARE: Same<typeof en.SHARE> = {
  title: "Sdílet tento pohled", link: "Odkaz pro lidi s účtem", linkAbout: "Kdo jej otevře, přihlásí se a uvidí to, co smí číst jeho účet.",
  copyLink: "Kopírovat odkaz", code: "Kód odkazu", guest: "Odkaz bez účtu",
  guestAbout: "Kdo jej má, vidí to, co je uvedeno níže, a nemůže nic přepínat ani publikovat. Platí do posledního dne, nebo dokud jej nezrušíte.",
  guestAdmins: "Odkazy, které nepotřebují účet, mohou vytvářet správci.",
  demo: "Účty zatím nejsou, proto nejsou ani takové odkazy: první účet založí clown-hub user add JMÉNO --admin.",
  filters: "Ukazuje (filtry, každý na svém řádku)", lasts: "Platí",
  spans: { "1": "1 den", "7": "7 dní", "30": "30 dní", "365": "1 rok", "": "Dokud nebude zrušen" },
  isWall: "Pro obrazovku na zdi: bez tlačítek a trvale přihlášenou", make: "Vytvořit odkaz",
  made: "Toto je odkaz. Ukáže se jen jednou: zkopírujte jej, nebo naskenujte kód.", nobody: "Odkaz by nic neukazoval: uveďte filtr.",
  links: "Platné odkazy", none: "Žádné nejsou.", until: "do {day}", forever: "dokud nebude zrušen", unused: "teď není otevřen",
  used: { one: "otevřen na {count} místě", few: "otevřen na {count} místech", other: "otevřen na {count} místech" },
  revoke: "Zrušit platnost", revokeAsk: "Zrušit tento odkaz? Kdo jej má otevřený, bude hned odpojen.", revokeYes: "Ano, zrušit",
  revoked: "Odkaz je zrušen.", wall: "Ukázat na zdi touto obrazovkou",
  wallAbout: "Jen to, co se zobrazuje, a nic víc. Ukončí se klávesou Esc. Obrazovka nezhasne, kde to prohlížeč dovolí: přes https, nebo na tomto počítači.",
  wallStart: "Spustit", wallLeave: "Ukončit zobrazení na zdi", close: "Zavřít",
};

export const COMMON: Same<typeof en.COMMON> = {
  pages: "Stránky správy",
  names: { accounts: "Účty", tokens: "Tokeny", device: "Přidat zařízení", events: "Kdo co udělal", links: "Propojení", hub: "Hub" },
  refused: "Hub odmítl: {why}", signedOut: "Jste odhlášeni.", unreachable: "Hub neodpovídá.", copy: "Kopírovat",
  copied: "Zkopírováno", cancel: "Zrušit", save: "Uložit", nothing: "nic", everything: "vše", andMore: "{list} a další: {count}",
  reads: "Čte {filters}", publishes: "publikuje {filters}", retains: "smí nechat hub zprávy uchovat", isAdmin: "je správce",
};

export const ACCOUNTS: Same<typeof en.ACCOUNTS> = {
  title: "Účty", about: "Kdo se smí přihlásit a co smí číst a publikovat. Co uložíte, platí hned.", add: "Přidat účet",
  demo: "Účty zatím nejsou: ukázkový uživatel smí vše, ale jen na tomto počítači. První účet založte na počítači hubu: clown-hub user add JMÉNO --admin",
  edit: "Účet {name}", name: "Jméno", password: "Heslo", keepsPassword: "Heslo (prázdné ponechá dosavadní)", show: "Ukázat", hide: "Skrýt",
  role: "Role",
  roles: { "": "Žádná: filtry níže", dashboard: "Panel: čte", operator: "Operátor: čte a přepíná", node: "Uzel: čte a publikuje", admin: "Správce: vše" },
  base: "Základ role (prázdné je vše)", subscribe: "Smí číst také (filtry, každý na svém řádku)",
  publish: "Smí publikovat také (filtry, každý na svém řádku)", retain: "Smí nechat hub uchovat, co publikuje (retain)",
  admin: "Správce: smí vidět a měnit, co je na těchto stránkách", certificate: "Musí předložit svůj certifikát (TLS)",
  from: "Přichází z (sítě, každá na svém řádku)", validUntil: "Poslední den (jako 2026-12-31)", note: "Poznámka",
  saved: "Účet {name} je uložen a platí.", remove: "Odstranit", removeAsk: "Odstranit {name}? Jeho spojení hned skončí.", removeYes: "Ano, odstranit",
  removed: "Účet {name} je odstraněn.", none: "Žádný účet není.", unconnected: "nepřipojen",
  connections: { one: "{count} spojení", few: "{count} spojení", other: "{count} spojení" },
  until: "do {moment}", fromNetworks: "z {networks}", you: "vy", adminBadge: "správce",
};

export const EXPLAIN: Same<typeof en.EXPLAIN> = {
  title: "Smí to, a proč?", about: "Co tento účet smí s tématem a podle kterého filtru.", topic: "Téma nebo filtr", ask: "Vysvětlit",
  rights: { publish: "Publikovat", retain: "Publikovat a uchovat", subscribe: "Číst" },
};

export const TOKENS: Same<typeof en.TOKENS> = {
  title: "Tokeny", about: "Token je dlouhé náhodné heslo pro zařízení nebo návštěvníka. Ukáže se jen jednou, když vznikne.",
  add: "Nový token", make: "Vytvořit", made: "Toto je token {name}. Znovu se neukáže.", done: "Mám ho", none: "Žádné tokeny nejsou.",
  revoke: "Zneplatnit", revokeAsk: "Zneplatnit {name}? Co se jím přihlásilo, bude hned odpojeno.", revokeYes: "Ano, zneplatnit",
  revoked: "Token {name} už neplatí.",
};

export const DEVICE: Same<typeof en.DEVICE> = {
  title: "Přidat zařízení", about: "Vytvoří token pro jedno zařízení, které čte a publikuje pod svým základem a nikde jinde.", name: "Název zařízení",
  base: "Základ: čím začínají jeho témata", make: "Vytvořit token",
  once: "Ukáže se jen jednou. Než stránku opustíte, token zkopírujte, nebo naskenujte kód.",
  local: "Tuto adresu má jen tento počítač. Otevřete stránku na adrese, kterou má hub ve vaší síti, nebo ji sem dosaďte.", address: "Adresa",
  token: "Token (jeho heslo)",
  copy: { address: "Kopírovat adresu", name: "Kopírovat název", token: "Kopírovat token" },
  code: "Kód s adresou, názvem a tokenem", program: "Program pro začátek", language: "Jazyk", waiting: "Čeká se na zařízení na {base}…",
  connected: "Je připojeno. Čeká se na první údaj…", spoken: "Ozvalo se: {what}",
  unreadable: "Váš účet nesmí číst {base}, proto tato stránka nepozná, kdy se zařízení ozve.", another: "Přidat další zařízení",
};

export const EVENTS: Same<typeof en.EVENTS> = {
  title: "Kdo co udělal",
  about: "Hub zaznamenává povely a odpovědi, přihlášení, odmítnutí, změny účtů a názvů a uzly, které se připojily a odpojily.",
  topic: "Téma nebo filtr", user: "Uživatel", when: "Kdy", moment: "Okolo (15 minut předtím a potom)",
  spans: { "1h": "Poslední hodina", "24h": "Posledních 24 hodin", "7d": "Posledních 7 dní", "all": "Vše, co se uchovává", "moment": "Okolo okamžiku" },
  questions: "Také pouhé dotazy (get, list)",
  hidden: { one: "{count} dotaz je vynechán.", few: "{count} dotazy jsou vynechány.", other: "{count} dotazů je vynecháno." },
  ask: "Vyhledat", none: "Nic takového není zaznamenáno.", more: "Starší", time: "Čas", what: "Co", who: "Kdo",
  kinds: { "command": "Povel", "answer": "Odpověď", "refused": "Odmítnuto", "sign-in": "Přihlášení", "sign-out": "Odhlášení", "presence": "Uzel", "lease": "Povel na čas", "account": "Účet", "layout": "Názvy a místnosti", "lost": "Chybějící události" },
  results: {
    "changed": "změněno", "replaced": "nahrazeno", "online": "připojen", "offline": "odpojen", "command offline": "zařízení nebylo připojené", "confirmed": "potvrzeno", "refused": "odmítnuto",
    "timeout": "bez odpovědi", "superseded": "nahrazeno jiným povelem", "waiting": "čeká", "unknown": "neví se: hub nebo klient skončil dřív", "sign-in ok": "vpuštěn",
    "wrong": "chybné jméno nebo heslo", "locked": "příliš mnoho chybných hesel", "busy": "hub byl zaneprázdněný", "token": "takový token není", "certificate": "bez svého certifikátu",
    "address": "ne z této sítě", "sign-in changed": "účet byl mezitím změněn", "forbidden": "tam nesmí", "over": "jeho poslední den minul", "lease over": "skončil",
    "unstored": "disk ho nepřijal", "revoked": "ukončil ho správce", "added": "přidán", "removed": "odstraněn", "password": "jiné heslo", "rights": "jiná práva",
    "token-added": "nový token", "token-revoked": "token zneplatněn", "token-renewed": "token obnoven",
  },
  doors: { page: "na stránce", websocket: "přes WebSocket", lines: "po řádcích přes TCP", http: "přes HTTP", mqtt: "přes MQTT" },
  after: "{result} po {span} s", account: "účet {name}",
  leftOut: "a ještě {count} takových",
};

export const LINKS: Same<typeof en.LINKS> = {
  title: "Propojení", about: "Každé propojení spojuje tento hub s jedním MQTT brokerem. Jsou to soubory ve složce bridges/ na počítači hubu.",
  none: "Žádná propojení nejsou. Vytvoří je soubor ve složce bridges/ (docs/bridge.md).",
  states: { connected: "Připojeno", away: "Nepřipojeno", starting: "Spouští se" },
  since: "od {moment}", queue: "Čeká",
  queueText: { one: "{count} zpráva, {bytes}", few: "{count} zprávy, {bytes}", other: "{count} zpráv, {bytes}" },
  stored: "z toho v úložišti", in: "Přišlo", out: "Odešlo", skipped: "Nahrazeno novějšími", lost: "Ztraceno", refused: "Nepřijato",
  connects: "Počet připojení",
};

export const HUB_PAGE: Same<typeof en.HUB_PAGE> = {
  title: "Hub", about: "Malé čáry začínají otevřením této stránky.", version: "Verze {version}", up: "běží {span}",
  tiles: {
    "clients/connected": "Klienti", "messages/published": "Publikováno", "messages/sent": "Odesláno", "messages/lost": "Ztraceno se spojeními", "messages/skipped": "Nahrazeno novějšími",
    "subscriptions/count": "Filtry", "retained/count": "Poslední hodnoty", "memory/held": "Paměť pro zprávy", "logins/failed": "Neúspěšná přihlášení", "accounts/mistakes": "Chyby v účtech",
    "store/state": "Úložiště", "store/bytes": "Velikost úložiště", "store/queue": "Čeká na úložiště", "history/series": "Veličiny s historií", "events/count": "Události", "leases/count": "Povely na čas", "tls/days_left": "Platnost certifikátu ve dnech",
  },
  stores: { off: "Vypnuto", on: "Zapnuto", behind: "Pozadu: něco se zapisuje později, než bylo slíbeno", away: "Nedostupné: nic nelze zapsat", replaced: "Poškozený soubor byl odložen" },
  all: "Všechny ukazatele", figure: "Ukazatel", value: "Hodnota", none: "Hub zatím žádné ukazatele nesdělil.", backup: "Záloha",
  backupAbout: "Kopie úložiště: poslední hodnoty, historie, události, přihlášení. Vytvoří se teď, zkontroluje se a pošle. Zpět ji nahraje clown-hub restore.",
  backupGet: "Stáhnout kopii", backupNone: "Tento hub nemá úložiště, není tedy co kopírovat.", config: "Konfigurace",
  configAbout: "Co platí od spuštění hubu a odkud to je. Změna vyžaduje restart.", find: "Najít klíč", changed: "Jen to, co není výchozí",
  key: "Klíč", keys: "Platné klíče", origin: "Odkud",
};

export const CHECK: Same<typeof en.CHECK> = {
  pageTitle: "Kontrola spojení – Clown Hub", title: "Kontrola spojení", skip: "Přejít na kroky",
  about: "Vyzkouší, co stojí mezi touto stránkou a hubem, a nic nezmění.", steps: "Kroky", again: "Spustit znovu", copy: "Kopírovat zprávu",
  copied: "Zkopírováno", report: "Zpráva", byHand: "Vyzkoušet WebSocket ručně", language: "Jazyk",
  looks: { ok: "funguje", note: "poznámka", bad: "nefunguje" },
  wrong: "Kontrola našla, co nefunguje.", fine: "Kontrola nenašla nic špatného.",
  names: { http: "HTTP", origin: "Adresa", session: "Přihlášení", socket: "WebSocket", echo: "Odpovědi", clock: "Hodiny", browser: "Prohlížeč" },
  noHub: "Na {origin} nic neodpovídá. Běží hub a je tento počítač v jeho síti?",
  otherServer: "Něco odpovídá {status} a není to hub. Proxy před ním o něj přišla, nebo posílá /healthz jinam.",
  answers: "Hub odpovídá za {took} ms.",
  refusesOrigin: 'Hub odmítá stránky z {origin}, protože sám sebe zná pod jiným jménem. Stojí-li mezi vámi proxy, musí jméno předávat dál (nginx: proxy_set_header Host $http_host). Jinak toto jméno uveďte v konfiguraci hubu: server.origins = ["{origin}"]',
  serves: "Hub přijímá stránky z {origin}.", signedIn: "Jste přihlášeni jako {name} a prohlížeč posílá svou cookie.",
  noCookies: "Tento prohlížeč pro tuto adresu neukládá cookies, přihlášení proto nevydrží. Povolte je pro tuto stránku.",
  nobody: "Nikdo tu není přihlášen.", notTried: "Nezkoušeno: vyžaduje přihlášení. Přihlaste se a spusťte kontrolu znovu.",
  noSocket: 'HTTP funguje, WebSocket ne: něco mezi vámi a hubem mu stojí v cestě. nginx potřebuje proxy_http_version 1.1, proxy_set_header Upgrade $http_upgrade a proxy_set_header Connection "upgrade"; proxy, která komprimuje, musí nechat /talk být.',
  opens: "Otevře se za {took} ms.",
  noAnswer: "WebSocket se otevře, ale žádná odpověď jím neprojde. Proxy možná zprávy zadržuje: /talk nesmí ukládat do vyrovnávací paměti.",
  echoes: "Odpověď na dotaz přijde za {took} ms.", noTime: "Hub nesděluje svůj čas.", clocksAgree: "Hodiny tohoto počítače a hubu jdou stejně.",
  ahead: "Hodiny tohoto počítače jdou o {span} napřed oproti hodinám hubu. Stránka se řídí hubem.",
  behind: "Hodiny tohoto počítače jdou o {span} pozadu oproti hodinám hubu. Stránka se řídí hubem.",
  keepsNothing: "Pro tuto stránku si nic neukládá, oblíbené se tedy zapomenou.",
  notSecure: "Přes obyčejné http nenabízí oznámení, nekopíruje tlačítkem a nenechá stránku držet obrazovku rozsvícenou.",
  offersAll: "Nabízí vše, co stránka umí využít.",
};

export const DIAGNOSTICS: Same<typeof en.DIAGNOSTICS> = {
  pageTitle: "Diagnostika – Clown Hub", title: "Diagnostika", skip: "Přejít na socket", check: "Kontrola spojení", language: "Jazyk",
  socket: "Socket", scheme: "Schéma", host: "Počítač", port: "Port", path: "Cesta",
  portHint: "Bez portu platí ten obvyklý. Hub má /echo, /ws, /socket, /streaming a /poke; poslouží i jakýkoli jiný server WebSocket.",
  open: "Otevřít", close: "Zavřít", preset: "Nastavit na Clown.Talk", message: "Zpráva", enter: "Enter odešle, Shift a Enter začne nový řádek.",
  send: "Odeslat", log: "Záznam", clear: "Vymazat",
  states: { closed: "Zavřeno", opening: "Otevírá se…", open: "Otevřeno" },
  kinds: { opened: "Otevřeno", closed: "Zavřeno", sent: "Odesláno", received: "Přijato", trouble: "Potíž" },
  closeFirst: "Nejdřív socket zavřete.", openFirst: "Nejdřív socket otevřete.",
  noAddress: "{address} není adresa pro WebSocket. Zkontrolujte počítač, port a cestu; cesta neobsahuje #.",
  notOpened: "{address} nešlo otevřít. Poslouchá tam něco, na této cestě? Nechce to přihlášení, nebo neodmítá stránky z {origin}?",
  slow: "Druhá strana čte příliš pomalu; toto nebylo odesláno.", noGoodBye: "{code} bez rozloučení",
  bytes: { one: "{count} bajt: {hex}", few: "{count} bajty: {hex}", other: "{count} bajtů: {hex}" },
  characters: { one: "({count} znak)", few: "({count} znaky)", other: "({count} znaků)" },
  older: { one: "{count} starší řádek se nezobrazuje.", few: "{count} starší řádky se nezobrazují.", other: "{count} starších řádků se nezobrazuje." },
};

export const HTML: Same<typeof en.HTML> = {
  noScript: "Tato stránka potřebuje JavaScript, který je zde vypnutý.", late: "Stránku se nepodařilo načíst, nebo přichází velmi pomalu.", again: "Zkusit znovu", about: "Poslední hodnoty a ovládání zařízení na tomto hubu",
  checkAbout: "Vyzkouší, co stojí mezi stránkou a jejím hubem, a řekne, co vadí",
  diagnosticsAbout: "Otevře WebSocket na libovolný server, pošle, co napíšete, a ukáže, co přijde zpět",
};
