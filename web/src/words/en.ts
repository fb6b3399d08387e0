// Every text of the pages in English. `cs.ts` has the same keys in Czech. `{name}` is where something is put in; a text that depends on a
// number has a form for each class that `Intl.PluralRules` knows in its language. web/build.mjs takes the parts to where they are read.

/** What is seen first, with the sign-in. */
export const WORDS = {
  skip: "Skip to the values", loading: "Loading…", notShown: "A part of the page could not be shown.", language: "Language", screens: "Screens",
  screen: { overview: "Values", charts: "Charts", explorer: "Explorer", admin: "Operate" },
  lookBack: "Look back", share: "Share", runCheck: "Run the self-check", viewOnly: "View only", signedInAs: "Signed in as", signOut: "Sign out",
  past: "The past", live: "Live", restarting: "Hub is restarting", offlinePill: "Offline", signedOut: "Signed out", connecting: "Connecting…",
  leftOut: "Of readings that came faster than this page draws, only the newest was sent: {count} left out.", rate: "{rate} messages/s",
  valuesFrom: "Values below are from {time} or before.", nextTry: "Next try in {count} s.", nextNow: "Next try now.", retry: "Retry now",
  updated: "The hub was updated.", reload: "Reload",

  youSignedOut: "You are signed out.",
  signOutFailed: "Could not sign out: the hub is unreachable. This browser stays signed in until the session expires.",
  connectedAgain: "Connected again.", lost: "Connection lost.", ended: "Your session ended. Sign in again.",
  notReachable: "Hub not reachable.", noHello: "The hub did not answer.", noSign: "The hub does not answer any more.",
  accountChanged: "Your account was changed.", isRestarting: "Hub is restarting.", closed: "The hub closed the connection: {reason}.",

  signIn: "Sign in", signInWait: "Sign in ({count} s)", name: "Name", password: "Password", show: "Show", hide: "Hide", capsLock: "Caps Lock is on.",
  stay: "Stay signed in", tryAgainIn: "{sentence} Try again in {count} s.", troubleCheck: "Trouble? Run the self-check",
  demo: "This hub runs as a demo, for this machine alone. Name and password are filled in: {name} and {password}.",
  unreachable: "The hub does not answer. Is it running, and is the network there?",
  linkOver: "This link lets nobody in any more: it was revoked, or its time is over.", answered: "The hub answered {status}.",
  noMatch: "That name and password do not match.",
  triesLeft: { one: "There is one more try before a pause.", other: "There are {count} more tries before a pause." },
  tooManyTries: "Too many wrong passwords.", busy: "The hub is busy.",

  find: "Find", findHint: "Find: attic, unit:℃, is:stale, value>20", groupBy: "Group by",
  by: { node: "By node", room: "By room", quantity: "By quantity" },
  foldAll: "Fold all", openAll: "Open all", done: "Done", arrange: "Arrange", wrong: "What is wrong",
  alarms: { one: "{count} alarm", other: "{count} alarms" },
  offlineCount: { one: "{count} offline", other: "{count} offline" },
  stale: { one: "{count} stale", other: "{count} stale" },
  values: { one: "{count} value", other: "{count} values" },
  valuesOf: { one: "{found} of {count} value", other: "{found} of {count} values" },
  messages: { one: "{count} message", other: "{count} messages" },
  favourites: "Favourites", nothingFits: "Nothing here fits.", showAll: "Show everything",
  tooManyTopics: "There are more than {count} topics. The first {count} that spoke are shown.", switches: "Switches", noRoom: "No room",
  sections: { sensors: "sensors", controls: "controls", other: "other" },
  presence: { "online": "online", "was-online": "was online", "offline": "offline" },
  gateway: "gateway {word}", since: "since {time}", noValues: "no values yet",

  details: "details of {title}, {name}", silentSince: "Silent since {time}", noDataFor: "No data for {span}", asOf: "as of {time}",
  justNow: "just now", ago: "{span} ago", at: "at {time}", topic: "Topic", time: "Time", payload: "Payload", interval: "Interval",
  irregular: "not regular, or not known yet", seen: "Seen", chart: "Chart", toChart: "chart", whoSwitched: "Who switched this?",
  favourite: "Favourite", makeFavourite: "Make a favourite", more: "and {count} more in the details", wholeInDetails: "(whole in the details)",
  cutHere: "(cut here)", notAvailable: "Not available", yes: "Yes", no: "No", emptyText: "(empty text)", lastHour: "last hour: {range}",
  lastHourGaps: "last hour: {range}, with gaps", fromTo: "{low} to {high}",

  on: "On", off: "Off", notKnown: "Not known",
  leds: { "1-dot": "1 dot", "2-dot": "2 dots", "3-dot": "3 dots" },
  turningOn: "Turning on…", turningOff: "Turning off…", setting: "Setting {state}…", tryAgain: "Try again", askState: "Ask state",
  viewOnlyYou: "View only: your account is not allowed to switch this.", lockedPast: "Locked: this is the past.",
  waitingForHub: "Waiting for the hub.", stateUnknown: "Its state is not known.", still: "Still {state} as of {time}.",
  confirmed: "Confirmed {time}.", nodeOffline: "The node is offline.",
  silence: { relay: "No answer from the relay.", led: "No answer from the LED.", device: "No answer from the device." },
  notConnected: { relay: "Not switched: the relay is not connected.", led: "Not switched: the LED is not connected.", device: "Not switched: the device is not connected." },
  unsure: "Sent, not confirmed.", notSwitched: "Not switched: {why}", deviceRefused: "the device has refused it",
  saidConfirmed: "{title}: {state}, confirmed",
  otherSwitched: "Somebody else has switched it.",

  alarm: "Alarm. {list}.", alarmMore: "and {count} more", high: "High", low: "Low", silent: "Silent", over: "{what}: {value}, over {limit}",
  under: "{what}: {value}, under {limit}", stillHigh: "{what}: {value}, was over {limit}, ends at {end}",
  stillLow: "{what}: {value}, was under {limit}, ends at {end}", silentFor: "{title}: silent for {span}, {most} at most",
  nothingKnown: "{title}: nothing is known of it",

  noExpression: "/{source}/ is no regular expression.", isUnknown: "is:{name} is not known. There are {list}.", needsNumber: "{term} needs a number.",
  ageUnits: "age is told in s, m, h or d, not in {unit}.",

  /** What devices measure, by the last key of a value, with a small letter at its beginning. What is not here is told as it is called. */
  titles: {
    "temperature": "Temperature", "relative-humidity": "Humidity", "humidity": "Humidity", "illuminance": "Light", "concentration": "CO₂", "pressure": "Pressure",
    "altitude": "Altitude", "voltage": "Voltage", "current": "Current", "power": "Power", "apower": "Power", "energy": "Energy", "battery": "Battery", "event-count": "Presses", "relay": "Relay", "led": "LED",
    "state": "State", "motion": "Motion", "contact": "Contact", "brightness": "Brightness", "presence": "Presence",
  },
  /** What a screen reader is to say for a unit. */
  spoken: {
    "℃": "degrees Celsius", "℉": "degrees Fahrenheit", "%": "percent", "kPa": "kilopascals", "hPa": "hectopascals", "Pa": "pascals", "m": "metres", "ppm": "parts per million",
    "V": "volts", "A": "amperes", "W": "watts", "kWh": "kilowatt hours",
  },
} as const;

export const EMPTY = {
  title: "No device has spoken yet", plugged: "Is a device or its gateway plugged in, and does it connect to this hub? Its log says so.",
  simulator: "Nothing at hand? Restart the hub with {command}, and simulated devices speak.",
  byHand: "Try it by hand: open {address} with a WebSocket tool and your name and password, and send {frame}",
} as const;

export const EXPLORER = {
  gaveWay: { one: "{count} reading gave way", other: "{count} readings gave way" },
  topics: "Topics", noMore: "{count}, no more than {most} are shown", emptyLevel: "(empty level)", message: "Message",
  choose: "Choose a topic, and its last message stands here.", nothingSaid: "Nothing was said at {topic} since this page was opened.",
  kept: "last value that the hub kept", payload: "Payload", copied: "Copied", copyPayload: "Copy payload", copyTopic: "Copy topic",
  publishHere: "Publish here…", copyAs: "Copy as",
  copyAsHow: "A command that publishes this message. It takes the password from the variable HUB_PASSWORD.",
  copyAsMqtt: "The hub takes MQTT where its configuration has mqtt.listen (docs/mqtt.md).", copyCommand: "Copy", command: "Command", charts: "Charts",
  chartOf: "{title}: chart",

  messages: "Messages", sent: "Sent.", refused: "Refused: {reason}.",
  news: { one: "{count} new", other: "{count} new" },
  ofAtMost: "{count} of at most {most}", goOn: "Go on", pause: "Pause", clear: "Clear", export: "Export",
  cut: "Too long for the file: {count}.",

  publish: "Publish", publishNothing: "View only: your account may publish nothing.", topic: "Topic", topicHint: "For example relay/1/set, from the root.",
  mayNot: "Your account may not publish there.", slash: "This topic begins with a slash: its first level is empty.",
  nobody: "Nobody has said anything at this topic yet.",
  bytes: { one: "JSON, {count} byte. Ctrl and Enter send.", other: "JSON, {count} bytes. Ctrl and Enter send." },
  retain: "Have the hub keep it (retain)", send: "Send", format: "Format",
  noConnection: "There is no connection.",

  noTopic: "A topic has at least one character.", wildcards: "A topic to publish to has no + and no #: those are wildcards of filters.",
  noNul: "A topic has no NUL.", ofTheHub: "Topics below clown.talk are what the hub itself is spoken to with.",
  longTopic: "A topic has at most 65,535 bytes.",

  isJson: 'A payload is JSON: true, 21.5, "text" or {"state": true}.',
  needsQuotes: "This is no JSON. A text has quotes: {text}", noEnd: "This is no JSON yet: its end is missing.", noJson: "This is no JSON.",
  endAt: "This is no JSON: line {line}, column {column}, its end is missing.",
  oddAt: "This is no JSON: line {line}, column {column} has {found} where it does not belong.", lineBreak: "a line break",
} as const;

export const CHARTS = {
  screen: "Charts", add: "Add a number", addHint: "Find: attic, unit:℃", addNone: "Nothing here fits, or nothing of it is a number or a state.",
  addMany: { one: "and {count} other: write more to find them", other: "and {count} others: write more to find them" },
  addFull: "No chart shows more than {most} series. Take one out to add another one.", remove: "Take {name} out of the chart", ranges: "Range",
  all: "All", yesterday: "Yesterday", earlier: "Earlier", later: "Later", back: "Back", live: "Now", low: "Low", high: "High",
  dayBefore: "Day before", dayBeforeHint: "Draws the day before as a pale line. For ranges of up to two days.", log: "Log scale",
  logHint: "Each step of the scale is ten times the one before. Only where all values in sight are above zero.",
  notLog: "Not every value in sight is above zero: {units} keeps its even scale.", noUnit: "the scale without a unit", table: "Show as table",
  png: "PNG", csv: "CSV", copy: "Copy link", copied: "Copied",
  notCopied: "This browser does not let the page copy. The address of the page is the link.", exporting: "Asking the hub…",
  exportFailed: "No file was made. {why}", tooLarge: "The picture is too large for this browser.", empty: "Choose a number, and its past is drawn here.",
  emptyHow: "Every number on the page leads to its chart, too.", loading: "Asking the hub…", nothing: "Nothing was kept in this time.",
  forbidden: "Your account may not read {topic}.", odd: "The hub did not answer the question: {why}",
  problems: {
    off: "History is off on this hub, so there is nothing to look back at. New readings are drawn as they come. The hub keeps history where it has a store: store.directory in its configuration.",
    session: "You are signed out.",
    busy: "The hub is busy with other questions. It is asked again.",
    unreachable: "The hub does not answer. What is drawn is from before.",
  },
  notRef: "The address names a series that cannot be: {text}", noHistory: "no JSON of history",
  gaps: { one: "There is a gap in which readings may be missing.", other: "There are {count} gaps in which readings may be missing." },
  states: "States", chartOf: "Chart: {names}", role: "chart",
  keys: "Arrow keys move the cursor, with Shift by ten places. Plus and minus zoom, Home and End go to the ends, Page Up and Page Down move in time. Space marks where a selection begins and ends, Escape takes it away.",
  help: "Wheel or pinch to zoom, drag to move, Shift and drag to select, double click to go back.", figures: "Figures",
  figuresOf: "Figures of {window}", selection: "Figures of the selection: {window}, {duration}", clearSelection: "Clear selection", series: "Series",
  least: "Lowest", greatest: "Highest", mean: "Mean", slope: "Change an hour", atCursor: "At {moment}", last: "Last", noValue: "none", time: "Time",
  rows: { one: "{count} row, the newest first", other: "{count} rows, the newest first" },
  tableCut: "The newest {most} rows are shown. CSV has all of them.", spread: "{low} to {high}", held: "{state} for {duration}",
  noChange: "no change",
  changes: { one: "{count} change", other: "{count} changes" },
  allKept: "all that is kept", lastSpan: "last {span}", sentence: "{name}, {range}: {values}, {when} {last}, {trend}.",
  stateSentence: "{name}, {range}: {held}, {changes}, {when} {last}.", now: "now", atEnd: "at the end",
  trends: { rising: "rising", falling: "falling", steady: "steady" },
  on: "on", off: "off",
  results: { waiting: "waits for the device", confirmed: "confirmed", refused: "refused by the device", timeout: "no answer", offline: "the device was not there", superseded: "given up for another one" },
} as const;

export const TRAVEL = {
  title: "Look back", past: "This is the past", how: "Move the slider: values, switches and the log are shown as they were then.",
  locked: "Nothing can be switched or published.", slider: "Moment", exact: "Date and time", now: "Now", toNow: "Back to now", close: "Close",
  asking: "Asking the hub…",
  steps: { hourBefore: "One hour earlier", minuteBefore: "One minute earlier", minuteAfter: "One minute later", hourAfter: "One hour later" },
  before: "Event before", after: "Event after",
  problems: {
    off: "History is off on this hub, so there is no past to look at. The hub keeps history where it has a store: store.directory in its configuration.",
    forbidden: "Your account may not look back.",
    session: "You are signed out.",
    busy: "The hub is busy with other questions. Move the slider again.",
    unreachable: "The hub does not answer.",
  },
  odd: "The hub did not answer the question: {why}",
  tooOld: "The moment that was asked for is longer ago than a day. This is the oldest one that can be shown.",
  partly: "The hub has more series than this page asks for. Some values are missing.", came: "{node} came", went: "{node} went",
} as const;

export const ARRANGE = {
  about: "Names, rooms, order and limits are kept by the hub. Everybody who may read a value sees them.",
  unstored: "This hub has no store: what you change here is lost when it stops.", edit: "Edit {title}", editShort: "Edit",
  earlier: "Move {title} forward", later: "Move {title} back", name: "Name", room: "Room", roomOfNode: "Room (empty is that of the node: {room})",
  icon: "Icon", noIcon: "None",
  icons: {
    lamp: "Lamp", heat: "Heat", water: "Water", wind: "Wind", sun: "Sun", plug: "Plug", door: "Door", window: "Window", bed: "Bed", pot: "Pot", sofa: "Sofa", plant: "Plant", car: "Car", bell: "Bell",
  },
  low: "{what}, low limit", high: "{what}, high limit", silent: "Alarm when it is silent for (minutes)", limits: "Alarms",
  notNumber: "{label}: this is no number. One is {example}.", save: "Save", saved: "{title} is saved.", moved: "{title} is moved.",
  changed: "Somebody else has changed this meanwhile. Nothing of yours is saved yet.", theirs: "Take theirs", mine: "Save mine all the same",
  export: "Export", exportFailed: "The hub did not answer, so there is no file.", import: "Import…",
  importAsk: "Put what stands in the file in the place of all names, rooms and limits of this hub?", importYes: "Yes, replace them",
  imported: "The file is in force.", noJson: "This file is no JSON.", rooms: "Order of the rooms", roomEarlier: "{room} one place forward",
  alarms: "Alarms", none: "All values with limits are as they should be.", sound: "Sound", notify: "Notification",
  noNotify: "Notifications take https, and your permission in the browser.",
  blocked: "The browser lets the page sound after your first click or key.",
} as const;

export const SHARE = {
  title: "Share this view", link: "Link for people with an account",
  linkAbout: "Whoever opens it signs in, and sees what their own account may read.", copyLink: "Copy link", code: "Code of the link",
  guest: "Link without an account",
  guestAbout: "Who has it sees what is named below, and can switch and publish nothing. It works until its last day, or until you revoke it.",
  guestAdmins: "Admins can make links that need no account.",
  demo: "There are no accounts yet, so there are no such links: clown-hub user add NAME --admin makes the first account.",
  filters: "Shows (filters, one a line)", lasts: "Works for",
  spans: { "1": "1 day", "7": "7 days", "30": "30 days", "365": "1 year", "": "Until it is revoked" },
  isWall: "For a screen on a wall: without buttons, and signed in for ever", make: "Make the link",
  made: "This is the link. It is shown once: copy it, or scan the code.", nobody: "The link would show nothing: name a filter.",
  links: "Links that work", none: "There are none.", until: "until {day}", forever: "until it is revoked", unused: "not open now",
  used: { one: "open in {count} place", other: "open in {count} places" },
  revoke: "Revoke", revokeAsk: "Revoke this link? Whoever has it open is cut off at once.", revokeYes: "Yes, revoke it",
  revoked: "The link is revoked.", wall: "Show it on this screen's wall",
  wallAbout: "Nothing but what is shown. Esc leaves it. The screen stays awake where the browser allows that: over https, or on this machine.",
  wallStart: "Start", wallLeave: "Leave the wall view", close: "Close",
} as const;

/** What all pages of the operator use. */
export const COMMON = {
  pages: "Pages of the operator",
  names: { accounts: "Accounts", tokens: "Tokens", device: "Add a device", events: "Who did what", links: "Links", hub: "The hub" },
  refused: "The hub says no: {why}", signedOut: "You are signed out.", unreachable: "The hub does not answer.", copy: "Copy",
  copied: "Copied", cancel: "Cancel", save: "Save", nothing: "nothing", everything: "everything", andMore: "{list} and {count} more",
  reads: "Reads {filters}", publishes: "publishes {filters}", retains: "may have the hub keep it", isAdmin: "is an admin",
} as const;

export const ACCOUNTS = {
  title: "Accounts", about: "Who may sign in, and what each may read and publish. What you save is in force at once.", add: "Add an account",
  demo: "There are no accounts yet: the demo user may do everything, on this machine alone. Make the first account on the hub's machine: clown-hub user add NAME --admin",
  edit: "Account {name}", name: "Name", password: "Password", keepsPassword: "Password (leave it empty to keep the one that it has)", show: "Show",
  hide: "Hide", role: "Role",
  roles: { "": "None: filters below", dashboard: "Dashboard: reads", operator: "Operator: reads, and switches", node: "Node: reads and publishes", admin: "Admin: everything" },
  base: "Base of the role (empty is everything)", subscribe: "May also read (filters, one a line)", publish: "May also publish (filters, one a line)",
  retain: "May have the hub keep what it publishes (retain)", admin: "Admin: may see and change what is on these pages",
  certificate: "Has to bring its certificate (TLS)", from: "Comes from (networks, one a line)", validUntil: "Last day (as 2026-12-31)", note: "Note",
  saved: "{name} is saved, and in force.", remove: "Remove", removeAsk: "Remove {name}? Its connections end at once.", removeYes: "Yes, remove it",
  removed: "{name} is removed.", none: "There is no account.", unconnected: "not connected",
  connections: { one: "{count} connection", other: "{count} connections" },
  until: "until {moment}", fromNetworks: "from {networks}", you: "you", adminBadge: "admin",
} as const;

export const EXPLAIN = {
  title: "May it, and why?", about: "What this account may do with a topic, and by which filter.", topic: "Topic or filter", ask: "Explain",
  rights: { publish: "Publish", retain: "Publish and keep", subscribe: "Read" },
} as const;

export const TOKENS = {
  title: "Tokens", about: "A token is a long random password for a device or a visitor. It is shown once, when it is made.",
  add: "Make a token", make: "Make it", made: "This is the token {name}. It is not shown again.", done: "I have it", none: "There are no tokens.",
  revoke: "Revoke", revokeAsk: "Revoke {name}? What came in by it is cut off at once.", revokeYes: "Yes, revoke it", revoked: "{name} is revoked.",
} as const;

export const DEVICE = {
  title: "Add a device", about: "Makes a token for one device, which reads and publishes below its base, and nowhere else.",
  name: "Name of the device", base: "Base: where its topics begin", make: "Make its token",
  once: "This is shown once. Copy it, or scan the code, before you leave this page.",
  local: "Only this machine has this address. Open the page at the address of the hub in your network, or put that in place of it.",
  address: "Address", token: "Token (its password)",
  copy: { address: "Copy address", name: "Copy name", token: "Copy token" },
  code: "Code with the address, the name and the token", program: "A program to begin with", language: "Language",
  waiting: "Waiting for the device at {base}…", connected: "It is connected. Waiting for its first reading…", spoken: "It has spoken: {what}",
  unreadable: "Your account may not read {base}, so this page cannot tell when the device speaks.", another: "Add another device",
} as const;

export const EVENTS = {
  title: "Who did what",
  about: "The hub records commands and answers, sign-ins, refusals, changes of accounts and of names, and nodes that came and went.",
  topic: "Topic or filter", user: "User", when: "When", moment: "Around (15 minutes before and after)",
  spans: { "1h": "Last hour", "24h": "Last 24 hours", "7d": "Last 7 days", "all": "All that is kept", "moment": "Around a moment" },
  questions: "Also what was only asked (get, list)",
  hidden: { one: "{count} question is left out.", other: "{count} questions are left out." },
  ask: "Look", none: "Nothing of that is recorded.", more: "Older ones", time: "Time", what: "What", who: "Who",
  kinds: { "command": "Command", "answer": "Answer", "refused": "Refused", "sign-in": "Sign-in", "sign-out": "Sign-out", "presence": "Node", "lease": "Lease", "account": "Account", "layout": "Names and rooms", "lost": "Missing events" },
  /** What came of it; where a word says something else with another kind, the kind stands before it. */
  results: {
    "changed": "changed", "replaced": "replaced", "online": "online", "offline": "offline", "command offline": "the device was not there", "confirmed": "confirmed", "refused": "refused",
    "timeout": "no answer", "superseded": "given up for another one", "waiting": "waiting", "unknown": "not known: the hub or the client ended before", "sign-in ok": "let in",
    "wrong": "wrong name or password", "locked": "too many wrong passwords", "busy": "the hub was busy", "token": "no such token", "certificate": "without its certificate",
    "address": "not from this network", "sign-in changed": "the account was changed meanwhile", "forbidden": "not allowed there", "over": "its last day is over", "lease over": "ended",
    "unstored": "the disk has not taken it", "revoked": "ended by the operator", "added": "added", "removed": "removed", "password": "other password", "rights": "other rights",
    "token-added": "token made", "token-revoked": "token revoked", "token-renewed": "token renewed",
  },
  doors: { page: "on the page", websocket: "by WebSocket", lines: "by lines over TCP", http: "by HTTP", mqtt: "by MQTT" },
  after: "{result} after {span} s", account: "account {name}",
  leftOut: "and {count} more like it",
} as const;

export const LINKS = {
  title: "Links", about: "Each link joins this hub to one MQTT broker. They are files in the folder bridges/ on the hub's machine.",
  none: "There are no links. A file in the folder bridges/ makes one (docs/bridge.md).",
  states: { connected: "Connected", away: "Not connected", starting: "Starting" },
  since: "since {moment}", queue: "Waiting",
  queueText: { one: "{count} message, {bytes}", other: "{count} messages, {bytes}" },
  stored: "of them in the store", in: "Came in", out: "Went out", skipped: "Gave way to newer ones", lost: "Lost", refused: "Not accepted",
  connects: "Connections made",
} as const;

export const HUB_PAGE = {
  title: "The hub", about: "The small lines begin when this page was opened.", version: "Version {version}", up: "up for {span}",
  tiles: {
    "clients/connected": "Clients", "messages/published": "Published", "messages/sent": "Sent", "messages/lost": "Lost with connections", "messages/skipped": "Gave way to newer ones",
    "subscriptions/count": "Filters", "retained/count": "Last values", "memory/held": "Memory for messages", "logins/failed": "Failed sign-ins", "accounts/mistakes": "Mistakes in the accounts",
    "store/state": "Store", "store/bytes": "Size of the store", "store/queue": "Waits for the store", "history/series": "Numbers with history", "events/count": "Events", "leases/count": "Leases", "tls/days_left": "Days left of the certificate",
  },
  stores: { off: "Off", on: "On", behind: "Behind: something is written later than promised", away: "Away: nothing can be written", replaced: "A damaged file was set aside" },
  all: "All figures", figure: "Figure", value: "Value", none: "The hub has told no figures yet.", backup: "Backup",
  backupAbout: "A copy of the store: last values, history, events, sign-ins. It is made now, looked through, and sent. clown-hub restore puts one back.",
  backupGet: "Download a copy", backupNone: "This hub has no store, so there is nothing to copy.", config: "Configuration",
  configAbout: "What is in effect since the hub was started, and who said it. A change takes a restart.", find: "Find a key",
  changed: "Only what is no default", key: "Key", keys: "Keys in effect", origin: "From",
} as const;

/** The page of the self-check. */
export const CHECK = {
  pageTitle: "Self-check – Clown Hub", title: "Self-check", skip: "Skip to the steps",
  about: "Tries what stands between this page and the hub, and changes nothing.", steps: "Steps", again: "Run it again", copy: "Copy report",
  copied: "Copied", report: "Report", byHand: "Try a WebSocket by hand", language: "Language",
  looks: { ok: "works", note: "note", bad: "does not work" },
  wrong: "The self-check has found what does not work.", fine: "The self-check has found nothing wrong.",
  names: { http: "HTTP", origin: "Address", session: "Sign-in", socket: "WebSocket", echo: "Answers", clock: "Clock", browser: "Browser" },
  noHub: "Nothing answers at {origin}. Is the hub running, and is this machine in its network?",
  otherServer: "Something answers with {status}, and it is not the hub. A proxy in front of it has lost it, or sends /healthz elsewhere.",
  answers: "The hub answers in {took} ms.",
  refusesOrigin: 'The hub refuses pages of {origin}, as it knows itself by another name. If a proxy stands between, it has to pass the name on (nginx: proxy_set_header Host $http_host). Else name this one in the configuration of the hub: server.origins = ["{origin}"]',
  serves: "The hub serves pages of {origin}.", signedIn: "You are signed in as {name}, and the browser sends its cookie.",
  noCookies: "This browser keeps no cookies for this address, so no sign-in lasts. Allow them for this page.", nobody: "Nobody is signed in here.",
  notTried: "Not tried: it takes a sign-in. Sign in, and run this again.",
  noSocket: 'HTTP works, the WebSocket does not: something between here and the hub is in the way. nginx needs proxy_http_version 1.1, proxy_set_header Upgrade $http_upgrade and proxy_set_header Connection "upgrade"; a proxy that compresses has to leave /talk alone.',
  opens: "It opens in {took} ms.",
  noAnswer: "The WebSocket opens, but no answer comes through it. A proxy may hold messages back: it must not buffer /talk.",
  echoes: "A question is answered in {took} ms.", noTime: "The hub does not tell its time.",
  clocksAgree: "The clocks of this machine and of the hub agree.",
  ahead: "The clock of this machine is {span} ahead of that of the hub. The page goes by the hub's.",
  behind: "The clock of this machine is {span} behind that of the hub. The page goes by the hub's.",
  keepsNothing: "It keeps nothing for this page, so favourites are forgotten.",
  notSecure: "Over plain http it offers no notifications, copies nothing by a button, and lets no page keep the screen awake.",
  offersAll: "It offers all that the page can use.",
} as const;

export const DIAGNOSTICS = {
  pageTitle: "Diagnostics – Clown Hub", title: "Diagnostics", skip: "Skip to the socket", check: "Self-check", language: "Language", socket: "Socket",
  scheme: "Scheme", host: "Host", port: "Port", path: "Path",
  portHint: "No port means the usual one. The hub has /echo, /ws, /socket, /streaming and /poke; any other WebSocket server will do, too.",
  open: "Open", close: "Close", preset: "Set it to Clown.Talk", message: "Message", enter: "Enter sends, Shift and Enter begin a new line.",
  send: "Send", log: "Log", clear: "Clear",
  states: { closed: "Closed", opening: "Opening…", open: "Open" },
  kinds: { opened: "Opened", closed: "Closed", sent: "Sent", received: "Received", trouble: "Trouble" },
  closeFirst: "Close the socket first.", openFirst: "Open the socket first.",
  noAddress: "{address} is no address of a WebSocket. Look at host, port and path; a path has no #.",
  notOpened: "{address} could not be opened. Does something listen there, on this path? Does it want a sign-in, or refuse pages from {origin}?",
  slow: "The other side reads too slowly; this was not sent.", noGoodBye: "{code} without a good-bye",
  bytes: { one: "{count} byte: {hex}", other: "{count} bytes: {hex}" },
  characters: { one: "({count} character)", other: "({count} characters)" },
  older: { one: "{count} older line is not shown.", other: "{count} older lines are not shown." },
} as const;

/** What stands in the files of the pages from the start, before any script runs. */
export const HTML = {
  noScript: "This page needs JavaScript, which is switched off here.", late: "This page could not be loaded, or comes very slowly.", again: "Try again", about: "Last values and controls of the devices on this hub",
  checkAbout: "Tries what stands between a page and its hub, and says what is in the way",
  diagnosticsAbout: "Opens a WebSocket to any server, says what you type and shows what comes back",
} as const;
