// GET / with 200 switches, against the same web server with an empty program that sends as many bytes.
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { request } from "../stack.mjs";
import { cookieOf, cpuPer, median, ms, rate, tools } from "./rig.mjs";

const run = promisify(execFile);
const INSTALLATION = 900000;
const SWITCHES = 200;
const SECONDS = 1.5;

/** p50 in microseconds of a SELECT of one row by its key, one after another. */
export async function selectTime(rig) {
	await rig.stack.psql(`SET search_path = switchboard; CREATE TABLE IF NOT EXISTS bench_row (n bigint PRIMARY KEY); CREATE TABLE IF NOT EXISTS bench_commit (n bigint);
		INSERT INTO bench_row VALUES (1) ON CONFLICT DO NOTHING`);
	const { stdout } = await run(path.join(tools, "hops"), ["select", "2000"],
		{ env: { ...process.env, BENCH_DATABASE_URL: rig.stack.databaseUrl } });

	return JSON.parse(stdout).select.p50;
}

/** Rates and times of both with that many clients; "n" is the installation whose page it is. */
export async function measurePage(rig, { clients, rounds, n = INSTALLATION }) {
	const page = await request(`${rig.stack.url}/`, { headers: { Cookie: cookieOf(n) } });
	const twin = await rig.twin({ processes: rig.stack.pids("dashboard.fcgi").length, bytes: Buffer.byteLength(page.text) });
	const ours = rig.requests("page", [rig.get(n, "/")]);
	const theirs = rig.requests("page-twin", [rig.get(n, "/", twin.port)]);
	const found = [];

	try {
		for (let i = 0; i < rounds; i++) {
			const before = rig.cpu();
			const result = await rig.load(ours, { connections: clients, seconds: SECONDS, again: true });
			const cpu = cpuPer(before, rig.cpu(), result.requests);
			const empty = await rig.load(theirs, { port: twin.port, connections: clients, seconds: SECONDS, again: true });
			const select = await selectTime(rig);

			found.push({ result, empty, cpu, select, ratio: result.rate / empty.rate, first: result.firstByte / select });
		}
	} finally {
		await twin.stop();
	}
	return { found, bytes: Buffer.byteLength(page.text) };
}

export async function page(rig, { rounds }, table) {
	await rig.makeInstallations(1, { from: INSTALLATION, devices: SWITCHES });
	for (const clients of [1, 32]) {
		const { found, bytes } = await measurePage(rig, { clients, rounds });
		const of = (pick) => median(found.map(pick));

		table.add(`page of ${SWITCHES} switches, ${clients} clients / empty`, of(({ ratio }) => ratio), "≥ 0.3",
			`${rate(of(({ result }) => result.rate))} of ${rate(of(({ empty }) => empty.rate))}, ${Math.round(bytes / 1024)} KB, ` +
			["dashboard", "nginx", "postgres"].map((part) => `${part} ${Math.round(of(({ cpu }) => cpu[part]))} µs`).join(", "));
		if (clients === 1)
			table.add("page, first byte / SELECT of one row", of(({ first }) => first), "< 5",
				`${ms(of(({ result }) => result.firstByte))} (empty program ${ms(of(({ empty }) => empty.firstByte))}), ` +
				`${ms(of(({ select }) => select))}`);
	}
}
