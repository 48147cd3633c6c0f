// Instructions per webhook in webhook.fcgi, counted by valgrind: the same on a busy machine as on an
// idle one, so that a change of a hundredth shows.  PostgreSQL's and nginx's are not in it.
import { readFileSync, readlinkSync } from "node:fs";
import path from "node:path";

const FEW = 100;
const MANY = 600;

/** Instructions of one process that answered "count" webhooks. */
async function instructionsOf(rig, front, count) {
	const model = rig.stack.pids("webhook.fcgi")[0];
	const env = Object.fromEntries(readFileSync(`/proc/${model}/environ`, "utf8").split("\0").filter(Boolean)
		.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
	const out = path.join(rig.folder, `callgrind-${count}`);
	let said = "";

	await front.start("webhook", ["spawn-fcgi", "-n", "-s", front.socket("webhook"), "--", "/usr/bin/valgrind", "--tool=callgrind",
		`--callgrind-out-file=${out}`, readlinkSync(`/proc/${model}/exe`)],
	{ env, heard: (text) => (said += text) });
	const told = await rig.load(await rig.sign(count, { port: front.port }), { port: front.port, connections: 1, seconds: 600 })
		.catch((error) => {
			throw new Error(`${error.message} ${said.slice(-1000)}`);
		});

	await front.end("webhook");
	const counted = /Collected : (\d+)/.exec(said);

	if (told.requests !== count || !counted)
		throw new Error(`${told.requests} of ${count} webhooks answered under valgrind: ${said.slice(-500)}`);
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
