// make bench: ratios of this machine's own figures, both sides of each pair measured in turns.
//
//   node tests/bench/run.mjs [FIGURE...]     webhook …; all without a name
import { makeRig } from "./rig.mjs";
import { webhook } from "./webhook.mjs";

const figures = { webhook };
const names = process.argv.slice(2).filter((word) => !word.startsWith("--"));

class Table {
	add(name, ratio, goal, about) {
		console.log(`${name.padEnd(44)} ${ratio.toFixed(2).padStart(7)}   ${goal.padEnd(8)} ${about}`);
	}
}

console.log(`${"figure".padEnd(44)} ${"ratio".padStart(7)}   ${"goal".padEnd(8)} absolute, of this machine in this run`);
const rig = await makeRig();
try {
	for (const name of names.length > 0 ? names : Object.keys(figures))
		await figures[name](rig, { rounds: 5 }, new Table());
} finally {
	await rig.stop();
}
