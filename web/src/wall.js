// All tiles, grouped by node. Messages only mark what is to be drawn; the drawing is done once per picture.

import { element, mark, show, write } from "./element.js";
import { Tile } from "./tile.js";
import { cut, sinceText } from "./words.js";

const SECTIONS = ["sensors", "controls", "other"];
const order = new Intl.Collator("en", { numeric: true }).compare;

export class Wall {
  #root;
  #readings;
  #commands;
  #past;
  #groups = new Map();
  #tiles = new Map();
  #dirty = new Set();
  /** What changed out of sight waits for the next second; there it is not missing when it is searched or read out. */
  #unseen = new Set();
  #sight = new IntersectionObserver((seen) => this.#look(seen), { rootMargin: "200px" });
  #areHeadsDirty = false;
  #areAgesDue = false;
  #frame = 0;
  #isLive = false;

  constructor(root, readings, commands, past) {
    this.#root = root;
    this.#readings = readings;
    this.#commands = commands;
    this.#past = past;
  }

  get isEmpty() {
    return this.#readings.topics.size === 0 && this.#readings.presences.size === 0;
  }

  /** A topic has something new to show. */
  touch(topic) {
    this.#dirty.add(topic);
    this.#soon();
  }

  /** A node came, went, or told about itself. */
  touchHeads() {
    this.#areHeadsDirty = true;
    this.#soon();
  }

  /** A second has passed. */
  tick() {
    this.#areAgesDue = true;
    this.#soon();
  }

  /** Whether values are as they are now, or as they were when the connection broke. */
  setLive(isLive) {
    this.#isLive = isLive;
    mark(this.#root, "data-offline", isLive ? null : "");
    for (const topic of this.#tiles.keys()) this.#dirty.add(topic);
    this.#soon();
  }

  clear() {
    this.#groups.clear();
    this.#tiles.clear();
    this.#dirty.clear();
    this.#unseen.clear();
    this.#sight.disconnect();
    this.#root.replaceChildren();
  }

  #soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw() {
    const now = this.#readings.now();
    const before = this.#tiles.size;
    if (this.#areAgesDue) this.#catchUp();
    for (const topic of this.#dirty) this.#drawTile(topic, now);
    this.#dirty.clear();
    if (this.#areAgesDue) for (const tile of this.#tiles.values()) tile.drawAge(now, this.#isLive);
    if (this.#areAgesDue || this.#areHeadsDirty || before !== this.#tiles.size) this.#drawHeads(now);
    this.#areAgesDue = this.#areHeadsDirty = false;
  }

  #catchUp() {
    for (const topic of this.#unseen) {
      this.#dirty.add(topic);
      const tile = this.#tiles.get(topic);
      if (tile) tile.isDue = true;
    }
    this.#unseen.clear();
  }

  #look(seen) {
    for (const { target, isIntersecting } of seen) {
      target.thing.isInSight = isIntersecting;
      if (isIntersecting) this.touch(target.thing.topic);
    }
  }

  #drawTile(topic, now) {
    const reading = this.#readings.topics.get(topic);
    let tile = this.#tiles.get(topic);
    if (tile && !tile.isInSight && !tile.isDue) {
      this.#unseen.add(topic);
      return;
    }
    if (tile && (!reading || !tile.fits(reading))) {
      this.#remove(topic, tile);
      tile = undefined;
    }
    if (!reading) return;
    tile ??= this.#add(reading);
    tile.isDue = false;
    tile.draw(now, this.#isLive);
  }

  #add(reading) {
    const tile = new Tile(reading, this.#commands, this.#past);
    const group = this.#group(reading.base);
    tile.order = { rank: reading.rank, name: reading.name };
    Object.assign(tile, { group, topic: reading.topic, isInSight: false, isDue: true });
    group.tiles.add(tile);
    insert(group.lists.get(tile.section), tile, (one, other) => one.rank - other.rank || order(one.name, other.name));
    this.#tiles.set(reading.topic, tile);
    this.#sight.observe(tile.element);
    return tile;
  }

  #remove(topic, tile) {
    this.#sight.unobserve(tile.element);
    tile.element.remove();
    tile.group.tiles.delete(tile);
    this.#tiles.delete(topic);
  }

  #group(base) {
    const known = this.#groups.get(base);
    if (known) return known;
    const group = new Group(base);
    insert(this.#root, group, byNode);
    this.#groups.set(base, group);
    return group;
  }

  #drawHeads(now) {
    const { presences, infos } = this.#readings;
    const gateways = this.#gateways();
    // A node that is there and has said nothing gets a head too; a gateway is told at the head of each of its nodes.
    for (const base of presences.keys()) if (!gateways.has(base)) this.#group(base);
    for (const [base, group] of this.#groups) {
      if (group.tiles.size === 0 && (gateways.has(base) || !presences.has(base))) {
        group.element.remove();
        this.#groups.delete(base);
      } else group.draw(this.#readings.presenceOf(base), infos.get(base), now, this.#isLive);
    }
  }

  /** The bases above those that have tiles. */
  #gateways() {
    const above = new Set();
    for (const [base, { tiles }] of this.#groups) {
      for (let end = base.lastIndexOf("/"); tiles.size > 0 && end > 0; end = base.lastIndexOf("/", end - 1)) above.add(base.slice(0, end));
    }
    return above;
  }
}

/** Puts a thing where it belongs among the things that are there. */
function insert(parent, thing, compare) {
  const next = [...parent.children].find((child) => child.thing && compare(child.thing.order, thing.order) > 0);
  thing.element.thing = thing;
  parent.insertBefore(thing.element, next ?? null);
}

/** A bridge stands before radio nodes, and those before everything else. */
function byNode(one, other) {
  const kind = (base) => ({ nodes: 0, node: 1 })[base.split("/", 1)[0]] ?? 2;
  return kind(one) - kind(other) || order(one, other);
}

let groups = 0;

class Group {
  tiles = new Set();
  lists = new Map();
  #presence = element("span", "presence");
  #dot = element("span", { class: "dot", "aria-hidden": "true" });
  #about = element("span", "about");

  constructor(base) {
    const id = `group-${(groups += 1)}`;
    this.order = base;
    const head = element("div", "head", element("h2", { id }, cut(base, 200)), element("p", {}, this.#dot, " ", this.#presence, this.#about));
    this.element = element("section", { class: "group", "aria-labelledby": id }, head);
    for (const section of SECTIONS) {
      const list = element("ul", { class: "tiles", "aria-label": section });
      this.lists.set(section, list);
      this.element.append(list);
    }
  }

  draw(presence, info, now, isLive) {
    const stale = [...this.tiles].filter((tile) => tile.isStale).length;
    const size = this.tiles.size;
    const who = presence?.isGateway ? "gateway " : "";
    const state = presence?.isOnline ? (isLive ? "online" : "was online") : "offline";
    const words = presence ? `${who}${state} since ${sinceText(presence.since, now)}` : "";
    write(this.#presence, words);
    mark(this.element, "data-presence", presence ? state.replace(" ", "-") : null);
    const about = [info?.text, size === 0 ? "no values yet" : `${size} ${size === 1 ? "value" : "values"}`, stale > 0 ? `${stale} stale` : ""];
    write(this.#about, [presence ? " · " : "", about.filter(Boolean).join(", ")].join(""));
    show(this.#dot, presence !== null);
    for (const list of this.lists.values()) show(list, list.childElementCount > 0);
  }
}
