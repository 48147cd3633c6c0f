// Instructions per webhook in webhook.fcgi, counted by valgrind: the figure does not depend on other load, so
// that a change of 1 % shows.  Instructions of PostgreSQL and nginx are not counted.
import { readlinkSync } from "node:fs";
import path from "node:path";
import { environmentOf } from "../processes.mjs";

const FEW = 100;
const MANY = 600;

/** Instructions of one process that answered "count" webhooks. */
async function instructionsOf(rig, front, count) {
	const model = rig.stack.pids("webhook.fcgi")[0];
	const env = environmentOf(model);
	const out = path.join(rig.folder, `callgrind-${count}`);
	let output = "";

	await front.start("webhook", ["spawn-fcgi", "-n", "-s", front.socket("webhook"), "--", "/usr/bin/valgrind", "--tool=callgrind",
		`--callgrind-out-file=${out}`, readlinkSync(`/proc/${model}/exe`)],
	{ env, onOutput: (text) => (output += text) });
	const result = await rig.load(await rig.sign(count, { port: front.port }), { port: front.port, connections: 1, seconds: 600 })
		.catch((error) => {
			throw new Error(`${error.message} ${output.slice(-1000)}`);
		});

	await front.end("webhook");
	const counted = /Collected : (\d+)/.exec(output);

	if (result.requests !== count || !counted)
		throw new Error(`${result.requests} of ${count} webhooks answered under valgrind: ${output.slice(-500)}`);
	return Number(counted[1]);
}

export async function instructions(rig, options, table) {
	const front = await rig.front("instructions");

	try {
		await front.listen();
		const few = await instructionsOf(rig, front, FEW);
		const many = await instructionsOf(rig, front, MANY);

		table.note("instructions per webhook in webhook.fcgi", `${Math.round((many - few) / (MANY - FEW) / 1000)} thousand`);
	} finally {
		await front.stop();
	}
}
