// The time from a webhook to a browser's stream, with many streams open and a tenth of the load, against
// the sum of the steps that it needs at least; and the memory of an open stream.
import { spawn } from "node:child_process";
import path from "node:path";
import { INSTALLATIONS, cookieOf, installation, ms, tools } from "./rig.mjs";

const SAMPLES = 200;
const GAP_MS = 40;
const MEASURED = INSTALLATIONS - 1; // the installation whose events are timed; the load is for the others

async function streamRequests(rig, count) {
	const seqs = new Map((await rig.stack.rows("SELECT installation_id AS id, seq FROM switchboard.installation"))
		.map(({ id, seq }) => [id, seq]));

	return rig.requests("streams", Array.from({ length: count }, (_, i) => {
		const n = i === 0 ? MEASURED : i % INSTALLATIONS;

		return `GET /events?cursor=${installation(n)}%3A${seqs.get(installation(n))} HTTP/1.1\r\nHost: 127.0.0.1:${rig.stack.port}\r\n` +
			`Accept: text/event-stream\r\nCookie: ${cookieOf(n)}\r\n\r\n`;
	}));
}

/** Run hops; "opened" is called when all streams are open, and its promise is awaited. */
function runHops(args, env, opened) {
	return new Promise((resolve, reject) => {
		const child = spawn(path.join(tools, "hops"), args.map(String), { env, stdio: ["ignore", "pipe", "pipe"] });
		let out = "";
		let errors = "";
		let load;

		child.stdout.on("data", (part) => (out += part));
		child.stderr.on("data", (part) => {
			errors += part;
			if (!load && /^open$/m.test(errors))
				load = opened();
		});
		child.on("error", reject);
		child.on("close", async (code) => {
			try {
				await load;
			} catch (error) {
				reject(error);
			}
			if (code === 0)
				resolve(JSON.parse(out));
			else
				reject(new Error(`hops: ${code} ${errors}`));
		});
	});
}

export async function measureEvents(rig, { streams, load }) {
	const twin = await rig.twin({ bytes: '{"eventData": {}}'.length });
	const sum = (name) => rig.resident(name).reduce((all, kb) => all + kb, 0);
	const memory = { before: { events: sum("switchboard-events"), nginx: rig.nginxResident() } };

	await rig.stack.psql(`SET search_path = switchboard; CREATE TABLE IF NOT EXISTS bench_commit (n bigint);
		CREATE TABLE IF NOT EXISTS bench_row (n bigint PRIMARY KEY); INSERT INTO bench_row VALUES (1) ON CONFLICT DO NOTHING`);
	try {
		const seconds = Math.ceil(SAMPLES * (GAP_MS + 30) / 1000);
		const measured = await rig.sign(SAMPLES, { first: MEASURED, installations: 1 });
		const others = await rig.sign(Math.ceil(load * seconds * 1.2), { first: 0, installations: INSTALLATIONS - 1 });
		const found = await runHops([rig.stack.port, twin.port, measured, await streamRequests(rig, streams), SAMPLES, GAP_MS],
			{ ...process.env, BENCH_DATABASE_URL: rig.stack.databaseUrl }, () => {
				memory.open = { events: sum("switchboard-events"), nginx: rig.nginxResident() };
				return rig.load(others, { connections: 8, seconds, rate: load });
			});

		return { ...found, memory: {
			events: (memory.open.events - memory.before.events) / streams,
			nginx: (memory.open.nginx - memory.before.nginx) / streams,
		} };
	} finally {
		await twin.stop();
	}
}

export async function events(rig, { long, rate }, table) {
	const most = rate ?? (await rig.load(await rig.sign(10000), { connections: 64, seconds: 1 })).rate;
	const found = await measureEvents(rig, { streams: 2000, load: most / 10 });
	const steps = ["request", "commit", "notify", "write"].map((step) => `${step} ${ms(found[step].p50)}`).join(" + ");

	table.add("event to browser, p50 / sum of its steps", found.event.p50 / found.sum.p50, "< 2", `${ms(found.event.p50)}: ${steps}`);
	table.add("event to browser, p99 / p99 of the sum", found.event.p99 / found.sum.p99, "< 5",
		`${ms(found.event.p99)}, ${ms(found.sum.p99)}`);
	table.add("2 000 streams, KB each / 20", (found.memory.events + found.memory.nginx) / 20, "< 1",
		`streamer ${found.memory.events.toFixed(1)} KB, nginx ${found.memory.nginx.toFixed(1)} KB`);
	if (found.closed > 0)
		throw new Error(`${found.closed} streams were closed`);
	if (!long)
		return;
	const many = await measureEvents(rig, { streams: 10000, load: 10 });

	table.add("10 000 streams, KB each / 20", (many.memory.events + many.memory.nginx) / 20, "< 1",
		`streamer ${many.memory.events.toFixed(1)} KB, nginx ${many.memory.nginx.toFixed(1)} KB`);
}
