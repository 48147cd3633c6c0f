// make bench: ratios of two things that are measured alternately in one run.
//
//   node tests/bench/run.mjs [--long] [FIGURE...]
//
// Without names all figures, in about fifteen minutes; --long adds 10^7 stored events, 10 000 open
// streams and 200 000 requests.  From make: make bench BENCH="--long webhook".
import { command } from "./command.mjs";
import { events } from "./events.mjs";
import { growth } from "./growth.mjs";
import { instructions } from "./instructions.mjs";
import { memory } from "./memory.mjs";
import { page } from "./page.mjs";
import { queue } from "./queue.mjs";
import { makeRig } from "./rig.mjs";
import { webhook } from "./webhook.mjs";
import { processes } from "./webhook_processes.mjs";

const figures = { webhook, processes, instructions, events, page, command, queue, memory, growth };
const words = process.argv.slice(2);
const names = words.filter((word) => !word.startsWith("--"));
const long = words.includes("--long");

if (words.some((word) => word !== "--long" && !figures[word])) {
	console.error(`usage: run.mjs [--long] [FIGURE...], figures: ${Object.keys(figures).join(" ")}`);
	process.exit(64);
}

const table = {
	line(name, ratio, goal, about) {
		console.log(`${name.padEnd(50)} ${ratio.padStart(6)}  ${goal.padEnd(6)}  ${about}`);
	},
	add(name, ratio, goal, about) {
		this.line(name, ratio.toFixed(2), goal, about);
	},
	/** A figure without another to compare it with. */
	note(name, about) {
		this.line(name, "", "", about);
	},
};

table.line("figure", "ratio", "goal", "what was measured, for information");
const rig = await makeRig();
const options = { rounds: 5, long };

try {
	for (const name of names.length > 0 ? names : Object.keys(figures))
		options.rate = (await figures[name](rig, options, table))?.rate ?? options.rate;
} finally {
	await rig.stop();
}
