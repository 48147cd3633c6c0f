// The webhook, answered after its commit, against the bound of this machine: one after another the web
// server with an empty program, the same SQL, and the verification of a signature.
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { cpuPer, harmonic, median, ms, rate } from "./rig.mjs";

const run = promisify(execFile);
const CONNECTIONS = 64; // enough that no process is idle
const SECONDS = 2;

/** event_ingest() as it is called for "together" webhooks, with ids of pgbench's making. */
function writeScript(rig, installations, devices, together) {
	const file = path.join(rig.folder, `ingest-${together}.sql`);
	const word = (name) => `lpad(to_hex(:${name}::int), 8, '0')`;
	const each = (text) => Array.from({ length: together }, (_, i) => text(i));

	writeFileSync(file, `${each((i) => `\\set installation${i} random(0, ${installations - 1})
\\set device${i} random(0, ${devices - 1})
\\set low${i} random(0, 2147483647)
\\set high${i} random(0, 2147483647)
`).join("")}SELECT known, stored, page, work, removed FROM event_ingest(ARRAY[
${each((i) => `'bench-' || lpad(:installation${i}::text, 6, '0')`).join(", ")}], ('['
|| ${each((i) => `'[{"id":"' || ${word(`low${i}`)} || '-0000-1000-8000-0000' || ${word(`high${i}`)} || '","at":' || to_json(date_trunc('second', now()))
|| ',"tick":' || (extract(epoch FROM clock_timestamp()) * 10000000)::bigint || ',"type":"DEVICE_EVENT","device":"lamp-' || :device${i}::text
|| '","component":"main","capability":"switch","attribute":"switch","value":"' || CASE :low${i}::int % 2 WHEN 0 THEN 'on' ELSE 'off' END
|| '","detail": null}]'`).join(" || ',' || ")} || ']')::jsonb)
`);
	return file;
}

/** Webhooks a second that pgbench stores, so many together. */
async function pgbench(rig, installations, devices, together) {
	const { stdout } = await run("pgbench", ["-n", "-M", "prepared", "-c", String(rig.processes), "-j", "1",
		"-T", String(SECONDS), "-f", writeScript(rig, installations, devices, together), rig.stack.databaseUrlOf("webhook")],
	{ env: { ...process.env, PGOPTIONS: "-c search_path=switchboard" } });

	return Number(/tps = ([\d.]+) \(without/.exec(stdout)[1]) * together;
}

/** The mean number of webhooks that shared a commit, from an offset of the log on. */
function sizeOfBatches(rig, from) {
	const sizes = [...rig.stack.log("webhook").slice(from).matchAll(/event=webhook\.events .* together=(\d+)/g)].map(([, size]) => Number(size));

	return sizes.length / sizes.reduce((sum, size) => sum + 1 / size, 0);
}

/** Verifications of RSA-2048 in a second, all processors together. */
async function verifications() {
	const { stdout } = await run("openssl", ["speed", "-seconds", "1", "-multi", String(cpus().length), "-mr", "rsa2048"]);

	// +F2:number:bits:signatures a second:verifications a second
	return Number(/^\+F2:\d+:2048:[\d.]+:([\d.]+)/m.exec(stdout)[1]);
}

export async function measureWebhook(rig, { rounds = 5, installations, devices } = {}) {
	const twin = await rig.twin({ bytes: '{"eventData": {}}'.length });
	const found = [];

	try {
		await rig.load(await rig.sign(1000), { connections: CONNECTIONS, seconds: 10 }); // caches, connections
		for (let i = 0; i < rounds; i++) {
			const expected = (found.at(-1)?.ours.rate ?? 4000) * SECONDS * 2;
			const file = await rig.sign(Math.round(expected));
			const logged = rig.stack.log("webhook").length;
			const before = rig.cpu();
			const ours = await rig.load(file, { connections: CONNECTIONS, seconds: SECONDS });
			const cpu = cpuPer(before, rig.cpu(), ours.requests);
			const together = sizeOfBatches(rig, logged);
			const twinBefore = twin.cpu();
			const empty = await rig.load(file, { port: twin.port, connections: CONNECTIONS, seconds: SECONDS });
			const emptyCpu = cpuPer(twinBefore, twin.cpu(), empty.requests);
			const sql = await pgbench(rig, installations, devices, Math.round(together));
			const rsa = await verifications();
			const bound = harmonic(empty.rate, sql, rsa);

			found.push({ ours, cpu, together, empty, emptyCpu, sql, rsa, bound, ratio: ours.rate / bound });
		}
	} finally {
		await twin.stop();
	}
	return found;
}

/** p50 and p99 at a part of a rate. */
export async function measureLatency(rig, { perSecond, seconds = 5 }) {
	return rig.load(await rig.sign(Math.round(perSecond * seconds * 1.1)), { connections: 64, seconds, rate: perSecond });
}

export async function webhook(rig, { rounds }, table) {
	const found = await measureWebhook(rig, { rounds, installations: 500, devices: 20 });
	const of = (pick) => median(found.map(pick));
	const top = of(({ ours }) => ours.rate);
	const half = await measureLatency(rig, { perSecond: top / 2 });
	const cpu = ["webhook", "nginx", "postgres"].map((part) => [part, of((round) => round.cpu[part])]);

	table.add("webhook, durable / bound", of(({ ratio }) => ratio), "≥ 0.7",
		`${rate(top)} of ${rate(of(({ bound }) => bound))}, ${of(({ together }) => together).toFixed(1)} in a commit: empty ${rate(of(({ empty }) => empty.rate))}, ` +
		`SQL ${rate(of(({ sql }) => sql))}, RSA ${rate(of(({ rsa }) => rsa))}`);
	table.add("webhook, CPU of all parts / 160 µs", cpu.reduce((sum, [, us]) => sum + us, 0) / 160, "≤ 1",
		cpu.map(([part, us]) => `${part} ${Math.round(us)} µs`).join(", ") +
		`; before an empty program nginx ${Math.round(of(({ emptyCpu }) => emptyCpu.nginx))} µs, it ` +
		`${Math.round(of(({ emptyCpu }) => emptyCpu.programs))} µs`);
	table.add("webhook at half the rate, p99 / p50", half.p99 / half.p50, "< 5", `${ms(half.p50)}, ${ms(half.p99)}`);
	return { rate: top };
}
