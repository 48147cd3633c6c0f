// A change of SWITCHBOARD_SEAL_KEYS: new and old key, then the new one alone; and an old key removed too early.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import crypto from "node:crypto";
import { readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { environmentOf } from "../processes.mjs";
import { seal } from "../seal.mjs";
import { JOB_IS_OPEN, csrfToken, linkAccount, startStack, waitFor } from "../stack.mjs";
import { startWorker } from "./worker_process.mjs";

const OTHERS = 40;
const keys = Object.fromEntries(["A", "B", "C"].map((id) => [id, crypto.randomBytes(32)]));
const lines = (...ids) => ids.map((id) => `${id}:${keys[id].toString("base64")}`).join("\n");
let stack;
let jar;
let installation;
let device;

function open(id, context, sealed) {
	assert.equal(sealed.subarray(2, 2 + sealed[1]).toString(), id);
	const rest = sealed.subarray(2 + sealed[1]);
	const decipher = crypto.createDecipheriv("aes-256-gcm", keys[id], rest.subarray(0, 12));

	decipher.setAAD(Buffer.from(context));
	decipher.setAuthTag(rest.subarray(-16));
	return Buffer.concat([decipher.update(rest.subarray(12, -16)), decipher.final()]).toString();
}

const bytes = (value) => `'\\x${value.toString("hex")}'`;
const sql = (text) => stack.psql(text);
const nameOf = (n) => `other-${String(n).padStart(3, "0")}`;
const pair = (n, id) => ["access", "refresh"].map((which) =>
	bytes(seal({ id, key: keys[id] }, `token:${nameOf(n)}:${which}`, `${which} of ${n}`))).join(", ");

/** Installations that exist in the database only: the tests look at their tokens. */
async function addOthers(id) {
	const each = Array.from({ length: OTHERS }, (_, n) => n);

	await sql(`BEGIN;
		INSERT INTO user_account (owner_id) VALUES ('others') ON CONFLICT DO NOTHING;
		INSERT INTO installation (installation_id, user_id, status, synced_at)
			SELECT 'other-' || lpad(n::text, 3, '0'), (SELECT user_id FROM user_account WHERE owner_id = 'others'), 'active', now()
			FROM generate_series(0, ${OTHERS - 1}) n ON CONFLICT DO NOTHING;
		DELETE FROM token WHERE installation_id LIKE 'other-%';
		INSERT INTO token (installation_id, access_sealed, refresh_sealed, seal_key_id, expires_at, refresh_expires_at)
			VALUES ${each.map((n) => `('${nameOf(n)}', ${pair(n, id)}, '${id}', now() + interval '1 day',
				now() + interval '1 day')`).join(", ")};
		COMMIT`);
}

/** Assert that each of their tokens is sealed with one key and has its first value. */
async function assertOthers(id, except = []) {
	const rows = await stack.rows(`SELECT installation_id AS name, encode(access_sealed, 'hex') AS access, generation,
		encode(refresh_sealed, 'hex') AS refresh, seal_key_id FROM token WHERE installation_id LIKE 'other-%' ORDER BY 1`);

	assert.equal(rows.length, OTHERS);
	rows.forEach((row, n) => {
		if (except.includes(n))
			return;
		assert.equal(row.seal_key_id, id);
		assert.equal(row.generation, 1);
		for (const which of ["access", "refresh"])
			assert.equal(open(id, `token:${row.name}:${which}`, Buffer.from(row[which], "hex")), `${which} of ${n}`);
	});
}

const logged = (pattern, text = stack.log("worker")) => text.split("\n").filter((line) => pattern.test(line));

const sealedWith = (id, left = 0) => waitFor(async () => (await sql(`SELECT count(*) FROM token WHERE seal_key_id <> '${id}'`)) === String(left),
	{ timeoutMs: 60000, what: `all tokens to be sealed with ${id}` });

const status = () => sql(`SELECT status FROM installation WHERE installation_id = '${installation}'`);

const spooled = () => readdirSync(path.join(stack.stateDir, "spool")).filter((name) => name.startsWith(installation));

async function restart(...ids) {
	assert.equal(await stack.end(), 0);
	stack.env.SWITCHBOARD_SEAL_KEYS = lines(...ids);
	await stack.start();
}

async function refresh() {
	const before = await sql(`SELECT generation FROM token WHERE installation_id = '${installation}'`);

	await sql(`UPDATE work SET run_at = now() WHERE kind = 'refresh' AND installation_id = '${installation}'; NOTIFY switchboard_work`);
	await waitFor(async () => Number(await sql(`SELECT generation FROM token WHERE installation_id = '${installation}'`)) > Number(before),
		{ timeoutMs: 60000, what: "a refresh" });
}

async function click(command) {
	return stack.request(`/api/switches/${device}/main`, { jar, json: { command },
		headers: { "X-CSRF-Token": await csrfToken(stack, jar) } });
}

async function clickWorks() {
	const { switches } = (await stack.request("/api/switches", { jar })).json();
	const { state } = switches.find(({ deviceId }) => deviceId === device);
	const wanted = state === "on" ? "off" : "on";
	const answer = await click(wanted);

	assert.equal(answer.status, 202, answer.text);
	await waitFor(async () => (await sql(`SELECT status FROM command WHERE command_id = '${answer.json().commandId}'`)) === "confirmed",
		{ timeoutMs: 60000, what: "the command to be confirmed" });
}

before(async () => {
	stack = await startStack({ env: { SWITCHBOARD_SEAL_KEYS: lines("A") } });
	jar = await linkAccount(stack, { location: "Home" });
	installation = await sql("SELECT installation_id FROM installation");
	await waitFor(async () => (await sql(`SELECT count(*) FROM work WHERE ${JOB_IS_OPEN}`)) === "0", { timeoutMs: 60000, what: "the first sync" });
	device = await sql(`SELECT s.device_id FROM switch s JOIN device d USING (installation_id, device_id)
		WHERE s.component = 'main' AND d.online AND d.name = 'Hall light'`);
	await addOthers("A");
});

after(() => stack?.stop());

test("a worker with nothing to seal logs one line", async () => {
	await waitFor(() => logged(/event=seal\.done/).length > 0, { timeoutMs: 60000, what: "seal.done" });
	assert.match(logged(/event=seal\.done/)[0], /key=A resealed=0 unopened=0 spooled=0/);
});

test("a new first key: tokens and a spooled answer are sealed anew with it", async () => {
	// The database does not take the answer of this refresh.
	await sql(`CREATE FUNCTION refuse_pair() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN RAISE 'no pair is taken now' USING ERRCODE = 'disk_full'; END $$;
		CREATE TRIGGER refuse_pair BEFORE UPDATE ON token FOR EACH ROW WHEN (new.generation <> old.generation)
			EXECUTE FUNCTION refuse_pair();
		UPDATE work SET run_at = now() WHERE kind = 'refresh' AND installation_id = '${installation}'; NOTIFY switchboard_work`);
	await waitFor(() => spooled().length === 1, { timeoutMs: 60000, what: "the answer in the spool" });
	await restart("B", "A");
	const sealed = readFileSync(path.join(stack.stateDir, "spool", spooled()[0]));

	assert.equal(sealed.subarray(1, 3).toString(), "\u0001A");
	await sql("DROP TRIGGER refuse_pair ON token; DROP FUNCTION refuse_pair");
	await sealedWith("B");
	await waitFor(() => logged(/event=seal\.done key=B/).length > 0, { timeoutMs: 60000, what: "seal.done" });
	assert.equal(logged(/event=spool\.replayed .*stored=yes/).length, 1);
	assert.deepEqual(logged(/event=seal\.(left|failed)|event=token\.sealed/), []);
	assert.match(logged(/event=seal\.done key=B/)[0], new RegExp(`resealed=${OTHERS} unopened=0 spooled=0`));
	// The answer stays in the spool, sealed anew as well.
	assert.equal(spooled().length, 1);
	assert.equal(readFileSync(path.join(stack.stateDir, "spool", spooled()[0])).subarray(1, 3).toString(), "\u0001B");
	await assertOthers("B");
	await clickWorks();
	await refresh();
	await waitFor(() => spooled().length === 1, { what: "the answer before to be removed" });
});

test("several workers share the work of sealing anew", async () => {
	await addOthers("A");
	const workers = await Promise.all([1, 2, 3].map(() => startWorker(stack)));

	try {
		await waitFor(() => workers.every(({ log }) => /event=seal\.done key=B/.test(log)), { timeoutMs: 60000, what: "seal.done of three workers" });
		await sealedWith("B");
		await assertOthers("B");
		for (const { log } of workers)
			assert.deepEqual(logged(/event=seal\.(left|failed)|event=token\.sealed/, log), []);
	} finally {
		await Promise.all(workers.map((worker) => worker.stop()));
	}
});

test("the new key alone is enough", async () => {
	await restart("B");
	await clickWorks();
	await refresh();
	await assertOthers("B");
});

const needReauth = () => sql("SELECT count(*) FROM installation WHERE status = 'needs_reauth'").then(Number);

/** Environment of a program on a host whose key of this id is another one, in a file of its own. */
function otherKeys(id) {
	const file = path.join(tmpdir(), `switchboard-other-keys-${process.pid}`);

	writeFileSync(file, `${id}:${crypto.randomBytes(32).toString("base64")}\n`, { mode: 0o600 });
	return { SWITCHBOARD_SEAL_KEYS: "", SWITCHBOARD_SEAL_KEYS_FILE: file };
}

/** Assert that another worker with these keys ends with 78 and one line that names the key and its file. */
async function refusesToStart(env, { whileStarting = async () => {} } = {}) {
	const worker = await startWorker(stack, env, { ready: false });

	let status;

	worker.ended.then((how) => (status = how));
	try {
		await whileStarting(worker);
		await waitFor(() => status !== undefined, { timeoutMs: 60000, what: "the worker to refuse" });
		assert.equal(status, 78, worker.log);
	} finally {
		await worker.stop("SIGKILL");
	}
	const complaints = worker.log.split("\n").filter((line) => line.startsWith("SWITCHBOARD_"));

	assert.equal(complaints.length, 1, worker.log);
	assert.ok(complaints[0].startsWith(`SWITCHBOARD_SEAL_KEYS_FILE (${env.SWITCHBOARD_SEAL_KEYS_FILE}): key B is not the one `), complaints[0]);
	assert.doesNotMatch(worker.log, /event=(token|job|command|seal|spool)\./);
	rmSync(env.SWITCHBOARD_SEAL_KEYS_FILE);
	return worker;
}

test("a worker whose key is another one than the others' of the same id refuses to start, and no location is marked", async () => {
	const worker = await refusesToStart(otherKeys("B"));

	assert.doesNotMatch(worker.log, /event=worker\.started/);
	assert.equal(await needReauth(), 0);
	await clickWorks();
});

test("a database of the version before, without known texts: the same, for no token opens", async () => {
	await sql("DELETE FROM seal_canary");
	await refusesToStart(otherKeys("B"));
	assert.equal(await sql("SELECT count(*) FROM seal_canary"), "0", "nor is its key taken for the right one");
	await restart("B");
	await waitFor(async () => await sql("SELECT string_agg(key_id, ' ') FROM seal_canary WHERE seen_by IS NOT NULL") === "B",
		{ timeoutMs: 60000, what: "the known text of the right key" });
	assert.equal(await needReauth(), 0);
});

test("a worker that starts before PostgreSQL checks its keys when it is there, before anything else", async () => {
	const postmaster = Number(readFileSync(path.join(stack.stateDir, "postgres/postmaster.pid"), "utf8").split("\n")[0]);
	const goOn = () => process.kill(postmaster, "SIGCONT");

	process.kill(postmaster, "SIGSTOP");
	try {
		await refusesToStart(otherKeys("B"), { whileStarting: async (worker) => {
			await waitFor(() => /event=worker\.database state=down/.test(worker.log), { timeoutMs: 60000, what: "a worker without database" });
			goOn();
		} });
	} finally {
		goOn();
	}
	assert.equal(await needReauth(), 0);
	await clickWorks();
});

test("oauth.fcgi with another key of the same id refuses to start too", async () => {
	const pid = await waitFor(() => stack.pids("oauth.fcgi")[0], { timeoutMs: 60000, what: "oauth.fcgi" });
	const env = { ...environmentOf(pid), ...otherKeys("B") };
	const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", readlinkSync(`/proc/${pid}/exe`)],
		{ stdio: ["ignore", "ignore", "pipe"], env });
	let log = "";

	child.stderr.on("data", (part) => (log += part));
	assert.equal(await new Promise((resolve) => child.on("close", (code, signal) => resolve(signal ?? code))), 78, log);
	assert.match(log, /^SWITCHBOARD_SEAL_KEYS_FILE \(.*\): key B is not the one /);
	rmSync(env.SWITCHBOARD_SEAL_KEYS_FILE);
});

test("a worker that lacks a key which another one has claims nothing, and says so", async () => {
	const worker = await startWorker(stack, { SWITCHBOARD_SEAL_KEYS_FILE: "", SWITCHBOARD_SEAL_KEYS: lines("C") });

	try {
		await waitFor(() => /event=seal\.missing key=B .*another worker has it/.test(worker.log), { timeoutMs: 60000, what: "seal.missing" });
		await waitFor(async () => (await stack.request("/healthz")).json().sealKeys === "missing", { timeoutMs: 60000, what: "a worse health" });
		assert.match((await stack.request("/metrics")).text, /^switchboard_workers_lacking_key 1$/m);
		for (let clicks = 0; clicks < 6; clicks++)
			await clickWorks();
		await refresh();
		assert.doesNotMatch(worker.log, /event=(token|job|command)\./);
		assert.equal(await needReauth(), 0);
	} finally {
		assert.equal(await worker.stop(), 0);
	}
});

test("a key removed too early loses no token, and the locations need to be linked again once nobody has had it for an hour", async () => {
	const before = await sql("SELECT string_agg(t.access_sealed::text || t.refresh_sealed::text, ' ' ORDER BY installation_id) FROM token t");

	await restart("C");
	await waitFor(() => logged(/event=seal\.left key=C/).length > 0, { timeoutMs: 60000, what: "seal.left" });
	assert.ok(logged(/event=seal\.missing key=B/).length > 0);
	assert.equal(await needReauth(), 0, "it may come back");
	await waitFor(async () => (await stack.request("/healthz")).json().sealKeys === "missing", { timeoutMs: 60000, what: "a worse health" });
	assert.equal(await stack.end(), 0);
	await stack.start();
	assert.equal(await needReauth(), 0);
	await sql("UPDATE seal_canary SET seen_at = now() - interval '2 hours', seen_by = NULL WHERE key_id = 'B'");
	await restart("C");
	await waitFor(async () => (await sql("SELECT count(*) FROM installation WHERE status = 'needs_reauth'")) === String(OTHERS + 1),
		{ timeoutMs: 60000, what: "all locations to need it" });
	await waitFor(() => logged(/event=seal\.left key=C/).length > 0, { timeoutMs: 60000, what: "seal.left" });
	assert.match(logged(/event=seal\.left key=C/)[0], new RegExp(`^.*resealed=0 unopened=${OTHERS + 1} spooled=0`));
	assert.equal(logged(new RegExp(`event=token\\.sealed installation=${installation} key=B`)).length, 1);
	assert.equal(await sql("SELECT string_agg(t.access_sealed::text || t.refresh_sealed::text, ' ' ORDER BY installation_id) FROM token t"), before);
	assert.match((await stack.request("/", { jar })).text, /<a class="button" href="\/oauth\/start">Reconnect<\/a>/);
	assert.equal((await click("on")).status, 409);
});

test("a location that is linked again works, and the others when the key is back", async () => {
	jar = await linkAccount(stack, { location: "Home", jar });
	assert.equal(await status(), "active");
	await clickWorks();
	// A damaged token stays as it is, and delays no other.
	await sql(`UPDATE token SET refresh_sealed = set_byte(refresh_sealed, 30, get_byte(refresh_sealed, 30) # 1)
		WHERE installation_id = '${nameOf(7)}'`);
	await restart("C", "B");
	await sealedWith("C", 1);
	await waitFor(() => logged(new RegExp(`event=seal\\.left key=C resealed=${OTHERS - 1} unopened=1`)).length > 0, { timeoutMs: 60000, what: "seal.left" });
	await assertOthers("C", [7]);
	assert.equal(await sql(`SELECT string_agg(DISTINCT status, ' ') FROM installation WHERE installation_id <> '${nameOf(7)}'`), "active");
	assert.equal(await sql(`SELECT status FROM installation WHERE installation_id = '${nameOf(7)}'`), "needs_reauth");
	await clickWorks();
});
