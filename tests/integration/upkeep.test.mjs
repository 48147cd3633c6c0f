// Upkeep of the database while others use it: nobody waits for it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { JOB_IS_OPEN, linkAccount, startStack, waitFor } from "../stack.mjs";
import { eventBody, switchEvent } from "./key_server.mjs";
import { PostgreSQL } from "./postgres.mjs";
import { startWorker } from "./worker_process.mjs";

const folder = mkdtempSync(path.join(tmpdir(), "switchboard-upkeep-"));
const DAY = 86400000;
let database, stack, installation, device, jar, clock = 0;

before(async () => {
	chmodSync(folder, 0o755);
	database = await PostgreSQL.make(path.join(folder, "postgres"));
	stack = await startStack({ env: { SWITCHBOARD_DATABASE_URL: database.url } });
	jar = await linkAccount(stack, { location: "Home" });
	installation = await stack.syncedInstallation("Home");
	device = await stack.psql("SELECT device_id FROM switch WHERE component = 'main' LIMIT 1");
});

after(async () => {
	await stack?.stop();
	await database?.stop();
	rmSync(folder, { recursive: true, force: true });
});

const sql = (text) => stack.psql(text);
const partition = (days) => `event_${new Date(Date.now() + days * DAY).toISOString().slice(0, 10).replaceAll("-", "")}`;
const isAttached = async (name) => (await sql(`SELECT count(*) FROM pg_inherits WHERE inhparent = 'event'::regclass
	AND inhrelid = to_regclass('${name}') AND NOT inhdetachpending`)) === "1";
const exists = async (name) => (await sql(`SELECT to_regclass('${name}') IS NOT NULL`)) === "t";

async function post() {
	const body = eventBody(installation, [switchEvent(device, "on", { ms: Date.now() - 60000 + 1000 * ++clock })]);
	const { headers } = await stack.control("POST", "sign", { body });

	return stack.request("/", { method: "POST", body, headers: { ...headers, "Content-Type": "application/json" } });
}

/** A session of psql that stays; say(text) runs text and waits until it has. */
function openSession() {
	const child = spawn("psql", ["-XAtq", database.url], { stdio: ["pipe", "pipe", "inherit"] });
	let output = "", count = 0;

	child.stdout.on("data", (part) => (output += part));
	return {
		say(text) {
			const mark = `said ${++count}`;

			child.stdin.write(`${text}\n\\echo ${mark}\n`);
			return waitFor(() => output.includes(`${mark}\n`), { what: text });
		},
		close() {
			child.stdin.end();
			return new Promise((resolve) => child.on("close", resolve));
		},
	};
}

test("a backup that reads all tables holds up neither webhooks nor the coming partitions", async () => {
	const old = partition(-100);

	await sql(`CREATE TABLE ${old} PARTITION OF event FOR VALUES FROM ('${old.slice(6)}Z') TO ('${partition(-99).slice(6)}Z');
		DROP TABLE ${partition(3)}`);
	const backup = openSession();

	await backup.say(`BEGIN; LOCK TABLE switchboard.event IN ACCESS SHARE MODE; SELECT count(*) FROM switchboard.event \\g /dev/null`);
	const worker = await startWorker(stack);

	try {
		await waitFor(() => isAttached(partition(3)), { what: "the partition that was missing" });
		await waitFor(() => /statement=event_partition_(detach|finalize|drop)/.test(worker.log), { what: "the old one to be tried" });
		const before = Number(await sql("SELECT count(*) FROM event_all"));

		for (let i = 0; i < 5; i++)
			assert.equal((await post()).status, 200);
		assert.equal(Number(await sql("SELECT count(*) FROM event_all")), before + 5);
		assert.equal(await isAttached(old), false, "it takes no more part");
		assert.ok(await exists(old), "but the backup reads it");
	} finally {
		await backup.say("COMMIT;");
		await backup.close();
		await worker.stop();
	}
	const next = await startWorker(stack);

	try {
		await waitFor(async () => !await exists(old), { what: "the old partition to be dropped" });
	} finally {
		await next.stop();
	}
});

test("a webhook process makes partitions that are missing, without a worker", async () => {
	await sql(`DROP TABLE ${partition(5)}`);
	for (const pid of await stack.pids("webhook.fcgi"))
		process.kill(pid, "SIGTERM");
	await waitFor(async () => (await post().catch(() => ({}))).status === 200 && await isAttached(partition(5)),
		{ what: "the partition that was missing" });
});

test("GET /healthz is red when there are partitions for less than two days ahead", async () => {
	assert.equal((await stack.request("/healthz")).status, 200);
	await sql(`DROP TABLE ${partition(2)}`);
	const answer = await stack.request("/healthz");

	assert.equal(answer.status, 503);
	assert.equal(answer.json().partitions, "late");
	await sql("SELECT event_partition_make()");
	assert.equal((await stack.request("/healthz")).status, 200);
});

test("while the month's calls cannot be read, syncs wait; then they go on", async () => {
	const [first] = stack.pids("switchboard-worker");

	process.kill(first, "SIGSTOP");
	await sql("ALTER FUNCTION api_calls_this_month() RENAME TO unreadable");
	const worker = await startWorker(stack, { SWITCHBOARD_CALL_BUDGET: "1000000" });

	try {
		await sql(`SELECT work_put('${installation}', 'device_sync', 1); NOTIFY switchboard_work`);
		await waitFor(async () => /used up/.test(await sql(`SELECT sync_error FROM installation WHERE installation_id = '${installation}'`)),
			{ what: "the sync to be deferred" });
		// Pages do not wait for it: they leave the figure out.
		assert.equal((await stack.request("/", { jar })).status, 200);
		await sql("ALTER FUNCTION unreadable() RENAME TO api_calls_this_month");
		await waitFor(async () => (await sql(`SELECT count(*) FROM work WHERE installation_id = '${installation}' AND ${JOB_IS_OPEN}`)) === "0",
			{ timeoutMs: 60000, what: "the sync" });
	} finally {
		await worker.stop();
		process.kill(first, "SIGCONT");
	}
});

test("the worker deletes the detail of calls that is past its time and keeps the total", async () => {
	await waitFor(async () => (await sql(`SELECT sum(calls) > 0 AND sum(calls) = (SELECT sum(calls) FROM api_call_total)
		AND sum(calls) = api_calls_this_month() FROM api_call`)) === "t", { what: "the total to be that of the detail" });
	await sql("INSERT INTO api_call VALUES ('', current_date - 70, 'GET /devices', 200, 5)");
	const worker = await startWorker(stack);

	try {
		await waitFor(async () => (await sql("SELECT count(*) FROM api_call WHERE day < current_date - 65")) === "0", { what: "the old rows to go" });
	} finally {
		await worker.stop();
	}
});
