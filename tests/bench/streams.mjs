// The memory of a live stream, and how fast a change reaches many streams: the whole stack, with its web
// server.  Not a test: it prints figures, and fails only when something is not delivered.
//
//   node tests/bench/streams.mjs [STREAMS [INSTALLATIONS]]      (2000 streams, 200 installations)
//
// Each stream takes a descriptor here, two in the web server and one in the streamer: ulimit -n.
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import net from "node:net";
import { startStack, waitFor } from "../stack.mjs";

const [count = 2000, installations = 200] = process.argv.slice(2).map(Number);
const SWITCHES = 12;
const OPENING = 50; // connections that are being opened at once
const ROUNDS = 50;

if (!(installations >= 1 && count >= installations && count <= 20000)) {
	console.error("usage: streams.mjs [STREAMS [INSTALLATIONS]], at most 20000 streams, at least one per installation");
	process.exit(2);
}

const stack = await startStack();
const ids = Array.from({ length: installations }, (_, i) => `bench-${String(i).padStart(5, "0")}`);
const cookies = ids.map(() => randomBytes(32).toString("base64url"));
const streams = [];
let received = 0; // events of the kind "switch", all streams together

/** Resident memory of all processes called "name", in KB. */
function memory(name) {
	return stack.pids(name).reduce((sum, pid) =>
		sum + Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]), 0);
}

/** Installations in the database only: without tokens and jobs the worker makes no calls for them. */
async function makeInstallations() {
	const values = ids.map((id, i) =>
		`('${id}', '\\x${createHash("sha256").update(cookies[i]).digest("hex")}'::bytea)`);

	await stack.psql(`BEGIN;
		SELECT installation_link_owner(h.id, 'owner-' || h.id, 'none', '\\x00', '\\x00', 'none', 86400, NULL, h.session, 'bench', NULL, 'open')
			FROM (VALUES ${values.join()}) AS h (id, session);
		DELETE FROM token WHERE installation_id LIKE 'bench-%';
		DELETE FROM work WHERE installation_id LIKE 'bench-%';
		SELECT sync_apply(i.installation_id, now(), 'location', 'Home', '[{"room":"r1","name":"Kitchen"}]',
			(SELECT jsonb_agg(jsonb_build_object('device', 'lamp-' || n, 'name', 'Lamp ' || n, 'room', 'r1', 'online', true,
				'health_at', NULL, 'switches', jsonb_build_array(jsonb_build_object('component', 'main', 'label', NULL,
					'has_level', false, 'state', 'off', 'state_at', now(), 'level', NULL, 'level_at', NULL))))
				FROM generate_series(1, ${SWITCHES}) AS n))
			FROM installation i WHERE i.installation_id LIKE 'bench-%';
		COMMIT`);
	return (await stack.rows("SELECT installation_id AS id, seq FROM installation WHERE installation_id LIKE 'bench-%'"))
		.reduce((seqs, { id, seq }) => seqs.set(id, seq), new Map());
}

/** Open one stream over a plain socket; returns when its headers have come. */
function open(i, seq) {
	return new Promise((resolve, reject) => {
		const id = ids[i % installations];
		const socket = net.connect(stack.port, "127.0.0.1");
		let headers = true;

		socket.setEncoding("latin1");
		socket.on("connect", () => socket.write(`GET /events?cursor=${id}%3A${seq} HTTP/1.1\r\nHost: 127.0.0.1\r\n` +
			`Accept: text/event-stream\r\nCookie: session=${cookies[i % installations]}\r\n\r\n`));
		socket.on("data", (part) => {
			if (headers && !part.startsWith("HTTP/1.1 200 "))
				reject(new Error(`stream ${i}: ${part.slice(0, 200)}`));
			headers = false;
			received += part.split("event: switch\n").length - 1;
			resolve();
		});
		socket.on("error", reject);
		socket.on("close", () => (socket.gone = true));
		streams.push(socket);
	});
}

async function openAll(seqs) {
	let next = 0;

	await Promise.all(Array.from({ length: OPENING }, async () => {
		while (next < count) {
			const i = next++;

			await open(i, seqs.get(ids[i % installations]));
		}
	}));
}

/** Change a switch of these installations and wait until all of their streams have it; returns ms since the NOTIFY. */
async function change(where, expected) {
	received = 0;
	await stack.psql(`WITH i AS (UPDATE installation SET seq = seq + 1 WHERE ${where} RETURNING installation_id, seq)
		UPDATE switch s SET state = CASE s.state WHEN 'on' THEN 'off' ELSE 'on' END, state_at = now(), seq = i.seq FROM i
		WHERE s.installation_id = i.installation_id AND s.device_id = 'lamp-1'`);
	const from = performance.now();

	await stack.psql(`SELECT wake('switchboard_page', string_agg(installation_id, ','))
		FROM (SELECT installation_id, row_number() OVER () / 200 AS part FROM installation WHERE ${where}) AS w GROUP BY part`);
	await waitFor(() => received >= expected, { timeoutMs: 60000, intervalMs: 1, what: `${expected} events, got ${received}` });
	return performance.now() - from;
}

async function measure() {
	const seqs = await makeInstallations();
	const before = { events: memory("switchboard-events"), nginx: memory("nginx:") };
	let from = performance.now();

	await openAll(seqs);
	console.log(`${count} streams of ${installations} installations open after ${Math.round(performance.now() - from)} ms`);
	console.log(`memory: ${((memory("switchboard-events") - before.events) / count).toFixed(1)} KB per stream in the streamer ` +
		`(${before.events} KB without), ${((memory("nginx:") - before.nginx) / count).toFixed(1)} KB in the web server`);

	const times = [];

	for (let i = 0; i < ROUNDS; i++) {
		const installation = i % installations;
		const readers = Math.floor((count - installation - 1) / installations) + 1;

		times.push(await change(`installation_id = '${ids[installation]}'`, readers));
	}
	times.sort((a, b) => a - b);
	console.log(`a change in one installation reaches its streams after ${times[ROUNDS >> 1].toFixed(1)} ms ` +
		`(median of ${ROUNDS}, psql's start included), at most ${times.at(-1).toFixed(1)} ms`);
	console.log(`a change in every installation reaches all ${count} after ` +
		`${Math.round(await change("installation_id LIKE 'bench-%'", count))} ms`);
	console.log(`memory after that: ${((memory("switchboard-events") - before.events) / count).toFixed(1)} KB per stream`);
	if (streams.some(({ gone }) => gone))
		throw new Error(`${streams.filter(({ gone }) => gone).length} streams were lost`);
}

try {
	await measure();
} finally {
	for (const socket of streams)
		socket.destroy();
	await stack.stop();
}
