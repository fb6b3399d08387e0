// How the links to brokers stand.

import { type Link, bytesText, linksOf } from "../../core/admin/figures.js";
import { LINKS, WORDS, known, plural, say, wholeText } from "../../core/text.js";
import { cut, sinceText } from "../../core/words.js";
import { figures, figuresTrouble, useFigures } from "./figures.js";
import { Head, Says } from "./parts.js";

export function Links() {
  useFigures();
  const all = figures.value === null ? null : linksOf(figures.value);
  return (
    <>
      <Head title={LINKS.title} about={LINKS.about} />
      <Says outcome={figuresTrouble.value === "" ? null : { isOk: false, sentence: figuresTrouble.value }} />
      {all === null ? figuresTrouble.value === "" && <p class="note">{WORDS.loading}</p> : all.length === 0 && <p class="note">{LINKS.none}</p>}
      <ul class="cards">{all?.map((link) => <Card key={link.name} link={link} />)}</ul>
    </>
  );
}

function Card({ link: { name, state, since, reason, figure } }: { link: Link }) {
  const count = (of: string) => wholeText(figure(of));
  const facts: [string, string][] = [
    [LINKS.queue, plural(LINKS.queueText, figure("queue/messages"), { bytes: bytesText(figure("queue/bytes")) })], [LINKS.stored, count("queue/stored")], [LINKS.in, count("messages/in")], [LINKS.out, count("messages/out")],
    [LINKS.skipped, count("messages/skipped")], [LINKS.lost, count("messages/lost")], [LINKS.refused, count("messages/refused")], [LINKS.connects, count("connects")],
  ];
  return (
    <li class="panel link" data-state={state}>
      <h3>{name}</h3>
      <p class="link-state"><span class="dot" aria-hidden="true" />{known(LINKS.states, state, cut(state, 40))}{!Number.isNaN(since) && ` ${say(LINKS.since, { moment: sinceText(since, Date.now()) })}`}</p>
      {reason !== "" && <p class="trouble">{cut(reason, 300)}</p>}
      <dl>{facts.map(([fact, value]) => [<dt key={fact}>{fact}</dt>, <dd key={`${fact} value`}>{value}</dd>])}</dl>
    </li>
  );
}
