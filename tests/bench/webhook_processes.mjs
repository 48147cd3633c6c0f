// How many webhook processes cost least: with fewer, more webhooks share a commit; with more, one
// verifies while another waits for the disk.  Processor time of all parts per webhook.
import { readlinkSync } from "node:fs";
import { environmentOf } from "../processes.mjs";
import { cpuPer, median, ms, rate } from "./rig.mjs";

const PROCESSES = [1, 2, 3];
const CONNECTIONS = [1, 4, 16, 64];
const SECONDS = 2;

/** A web server of its own before that many processes of webhook.fcgi. */
async function startFront(rig, processes) {
	const [model] = rig.stack.pids("webhook.fcgi");
	const front = await rig.front(`processes-${processes}`);

	await front.start("webhook", ["spawn-fcgi", "-n", "-s", front.socket("webhook"), "--", "/usr/bin/multiwatch", "-f", String(processes), "--",
		readlinkSync(`/proc/${model}/exe`)], { env: environmentOf(model), signal: "TERM" });
	await front.listen();
	return front;
}

async function measure(rig, front, connections, expected) {
	const file = await rig.sign(Math.round(expected * SECONDS * 2), { port: front.port });
	const before = { ...front.cpu(), postgres: rig.cpu().postgres };
	const load = await rig.load(file, { port: front.port, connections, seconds: SECONDS });
	const cpu = cpuPer(before, { ...front.cpu(), postgres: rig.cpu().postgres }, load.requests);

	return { load, cpu, all: cpu.nginx + cpu.programs + cpu.postgres };
}

/** The table's lines of one number of processes; the first round filled caches. */
function report(table, processes, found) {
	const of = (connections, pick) => median(found.get(connections).slice(1).map(pick));
	const most = of(CONNECTIONS.at(-1), ({ all }) => all);

	for (const connections of CONNECTIONS) {
		const cpu = ["programs", "nginx", "postgres"].map((part) => `${part} ${Math.round(of(connections, (one) => one.cpu[part]))} µs`);

		table.add(`${processes} processes, ${connections} connections, CPU / at ${CONNECTIONS.at(-1)}`, of(connections, ({ all }) => all) / most,
			connections === 16 ? "≤ 1.3" : "",
			`${rate(of(connections, ({ load }) => load.rate))}, p50 ${ms(of(connections, ({ load }) => load.p50))}, ${cpu.join(", ")}`);
	}
}

export async function processes(rig, { rounds }, table) {
	const fronts = [];

	try {
		for (const count of PROCESSES)
			fronts.push({ count, front: await startFront(rig, count), found: new Map(CONNECTIONS.map((connections) => [connections, []])) });
		for (let round = 0; round <= rounds; round++) {
			for (const { front, found } of fronts) {
				for (const connections of CONNECTIONS)
					found.get(connections).push(await measure(rig, front, connections, found.get(connections).at(-1)?.load.rate ?? 3000));
			}
		}
	} finally {
		for (const { front } of fronts)
			await front.stop();
	}
	for (const { count, found } of fronts)
		report(table, count, found);
}
