// GET / with 200 switches, nothing cached: every request is another session's.  Against the same web
// server with an empty program that sends as many bytes, and with one that also reads a row.
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { request } from "../stack.mjs";
import { cookieOf, cpuPer, installation, median, ms, rate, tools } from "./rig.mjs";

const run = promisify(execFile);
const INSTALLATION = 900000;
const INSTALLATIONS = 20;
const SWITCHES = 200;
const SESSIONS = 50; // of the owner of each
const SECONDS = 1.5;

const cookieValue = (n, session) => `${installation(n)}-${session}-`.padEnd(43, "A");

/** SESSIONS sessions for the owner of each of "installations" installations, as a file of one request for each. */
async function makeSessions(rig, installations) {
	await rig.stack.psql(`SET search_path = switchboard;
		INSERT INTO session (session_hash, user_id, expires_at)
			SELECT sha256(rpad(i.installation_id || '-' || s || '-', 43, 'A')::bytea), i.user_id, now() + interval '30 days'
			FROM installation i, generate_series(1, ${SESSIONS}) AS s
			WHERE i.installation_id BETWEEN '${installation(INSTALLATION)}' AND '${installation(INSTALLATION + installations - 1)}' ON CONFLICT DO NOTHING;
		CREATE TABLE IF NOT EXISTS bench_row (n bigint PRIMARY KEY);
		CREATE TABLE IF NOT EXISTS bench_commit (n bigint);
		INSERT INTO bench_row VALUES (1) ON CONFLICT DO NOTHING;
		GRANT SELECT ON bench_row TO PUBLIC`);
	await rig.stack.psql("VACUUM ANALYZE");
	return Array.from({ length: installations * SESSIONS }, (_, i) =>
		rig.get(INSTALLATION, "/").replace(cookieOf(INSTALLATION), `session=${cookieValue(INSTALLATION + i % installations, 1 + Math.floor(i / installations))}`));
}

/** p50 in microseconds of a row by its key, one after another, without a web server. */
async function selectTime(rig) {
	const { stdout } = await run(path.join(tools, "hops"), ["select", "2000"],
		{ env: { ...process.env, BENCH_DATABASE_URL: rig.stack.databaseUrl } });

	return JSON.parse(stdout).select.p50;
}

/** Rates and times of the page, of an empty program, and of one that reads a row, with so many clients. */
async function measurePage(rig, requests, { clients, rounds, bytes }) {
	const processes = rig.stack.pids("dashboard.fcgi").length;
	const twin = await rig.twin({ processes, bytes });
	const reader = await rig.twin({ processes, bytes, databaseUrl: rig.stack.databaseUrl });
	const file = rig.requests("page", requests);
	const play = (port) => rig.load(file, { port, connections: clients, seconds: SECONDS, again: true });
	const found = [];

	try {
		for (let i = 0; i < rounds; i++) {
			const before = rig.cpu();
			const ours = await play();
			const cpu = cpuPer(before, rig.cpu(), ours.requests);
			const empty = await play(twin.port);
			const row = await play(reader.port);

			found.push({ ours, empty, row, cpu, select: await selectTime(rig) });
		}
	} finally {
		await twin.stop();
		await reader.stop();
	}
	return found;
}

export async function page(rig, { rounds }, table) {
	await rig.makeInstallations(INSTALLATIONS, { from: INSTALLATION, devices: SWITCHES });
	const requests = await makeSessions(rig, INSTALLATIONS);
	const { text } = await request(`${rig.stack.url}/`, { headers: { Cookie: cookieOf(INSTALLATION) } });
	const bytes = Buffer.byteLength(text);

	for (const clients of [1, 32]) {
		const found = await measurePage(rig, requests, { clients, rounds, bytes });
		const of = (pick) => median(found.map(pick));

		table.add(`page of ${SWITCHES} switches, uncached, ${clients} clients / empty`, of(({ ours, empty }) => ours.rate / empty.rate), "≥ 0.25",
			`${rate(of(({ ours }) => ours.rate))} of ${rate(of(({ empty }) => empty.rate))}, ${Math.round(bytes / 1024)} KB, ` +
			["dashboard", "nginx", "postgres"].map((part) => `${part} ${Math.round(of(({ cpu }) => cpu[part]))} µs`).join(", "));
		if (clients === 1)
			table.add("page, uncached, first byte / empty that reads a row", of(({ ours, row }) => ours.firstByte / row.firstByte), "< 6",
				`${ms(of(({ ours }) => ours.firstByte))} of ${ms(of(({ row }) => row.firstByte))}; the row alone ` +
				`${ms(of(({ select }) => select))}, the empty program ${ms(of(({ empty }) => empty.firstByte))}`);
	}
}
