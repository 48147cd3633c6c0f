// The worker's queue: what is refused, fails, lacks a token or was missed, and what it costs the platform.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { JOB_IS_OPEN, quote, request, startStack, waitFor } from "../stack.mjs";
import { Installation, lamp } from "./installation.mjs";

let stack;

before(async () => {
	stack = await startStack();
});

after(() => stack?.stop());

beforeEach(() => stack.control("DELETE", "faults"));

const sql = (text) => stack.psql(text);
const workerPid = () => waitFor(() => stack.pids("switchboard-worker")[0], { what: "the worker" });

async function newInstallation() {
	const installation = await Installation.create(stack, [lamp("One"), lamp("Two")]);

	await untilIdle(installation);
	return installation;
}

const isOpen = async ({ id }) => await sql(`SELECT count(*) FROM work WHERE installation_id = ${quote(id)} AND ${JOB_IS_OPEN}`) !== "0";
const untilIdle = (installation) => waitFor(async () => !await isOpen(installation), { what: "the installation's jobs to be done" });

/** As an event asks for it. */
const ask = ({ id }, kind = "device_sync") => sql(`SELECT work_put(${quote(id)}, ${quote(kind)}, 1); NOTIFY switchboard_work`);

/** Wait until the worker has gone through the queue: another installation's sync, asked for now, is done. */
async function queueRead(other) {
	await ask(other);
	await untilIdle(other);
}

async function callsOf({ id }, endpoint) {
	const { log } = await stack.control("GET", "calls");

	return log.filter((call) => call.installedAppId === id && endpoint.test(`${call.method} ${call.path}`));
}

/** The row of a sync, with the hours until it is due. */
const work = async ({ id }, kind = "device_sync") => (await stack.rows(`SELECT attempts, last_error, waits_for, lease,
	extract(epoch FROM run_at - now())::float8 / 3600 AS hours FROM work WHERE installation_id = ${quote(id)} AND kind = ${quote(kind)}`))[0];

const failed = (installation, kind) => waitFor(async () => {
	const row = await work(installation, kind);

	return row.last_error !== null && row.lease === null && row;
}, { what: `${kind ?? "the sync"} to fail` });

for (const status of [403, 404, 422]) {
	test(`a sync that is refused with ${status} is shown, and not tried again before the next day or a new link`, async () => {
		const other = await newInstallation();
		const installation = await newInstallation();

		await stack.control("POST", "faults", { method: "GET", path: "/devices", action: "status", status });
		await stack.control("POST", "calls/reset", {});
		await ask(installation);
		const row = await failed(installation);

		assert.ok(row.hours > 20 && row.hours < 28, `due in ${row.hours} h`);
		assert.match((await installation.row()).sync_error, /SmartThings/);
		for (let i = 0; i < 3; i++) {
			await ask(installation);
			await queueRead(other);
		}
		assert.equal((await callsOf(installation, /^GET \/devices$/)).length, 1);
		await installation.link();
		await untilIdle(installation);
		assert.equal((await work(installation)).last_error, null);
		assert.equal((await installation.row()).sync_error, null);
	});
}

test("subscriptions that are refused are not asked for again before the next day", async () => {
	const other = await newInstallation();
	const installation = await newInstallation();

	await stack.control("POST", "faults", { method: "GET", path: "/subscriptions", action: "status", status: 403 });
	await stack.control("POST", "calls/reset", {});
	await ask(installation, "subscription_sync");
	assert.ok((await failed(installation, "subscription_sync")).hours > 20);
	await ask(installation, "subscription_sync");
	await queueRead(other);
	assert.equal((await callsOf(installation, /subscriptions$/)).length, 1);
});

test("a sync that fails again and again is tried ever later: up to an hour, and after thirty times a day", async () => {
	const installation = await newInstallation();
	const hoursAfter = async (attempts) => {
		await stack.control("POST", "faults", { method: "GET", path: "/devices", action: "status", status: 500 });
		await sql(`UPDATE work SET attempts = ${attempts}, last_error = NULL, run_at = now() WHERE installation_id = ${quote(installation.id)}
			AND kind = 'device_sync'; NOTIFY switchboard_work`);
		return (await failed(installation)).hours;
	};

	assert.ok(await hoursAfter(3) < 0.01);
	assert.ok(Math.abs(await hoursAfter(29) - 1) < 0.2);
	assert.ok(Math.abs(await hoursAfter(30) - 24) < 4);
	await sql(`UPDATE work SET run_at = now() WHERE installation_id = ${quote(installation.id)} AND kind = 'device_sync'; NOTIFY switchboard_work`);
	await waitFor(async () => (await work(installation)).attempts === 0, { what: "the sync to go well" });
	const { hours } = await work(installation);

	assert.ok(hours > 11.9 && hours < 36.1, `compared with the platform again in ${hours} h`);
});

test("work that lacks a token runs once, when the token is there", async () => {
	const installation = await newInstallation();
	const waits = () => stack.log("worker").split("\n").filter((line) => /event=job\.waits_for_token/.test(line) && line.includes(installation.id)).length;

	await stack.control("POST", "faults", { path: "/oauth/token", action: "hang", count: 1 });
	await sql(`UPDATE token SET expires_at = now() WHERE installation_id = ${quote(installation.id)}`);
	await stack.control("POST", "calls/reset", {});
	await ask(installation);
	const { commandId } = (await installation.click(installation.devices[0])).json();

	await waitFor(async () => (await stack.rows(`SELECT kind FROM work WHERE installation_id = ${quote(installation.id)}
		AND waits_for = 'token' ORDER BY kind`)).length === 2, { what: "both to wait" });
	await waitFor(() => waits() === 1, { what: "the line in the log" });
	// The hanging refresh is taken for failed, and repeated.
	await waitFor(async () => (await installation.token()).generation === 2, { timeoutMs: 60000, what: "the token" });
	await untilIdle(installation);
	await waitFor(async () => await sql(`SELECT status FROM command WHERE command_id = ${quote(commandId)}`) === "confirmed",
		{ timeoutMs: 60000, what: "the command" });
	assert.equal(waits(), 1);
	assert.equal((await callsOf(installation, /^GET \/devices$/)).length, 1);
	assert.equal((await callsOf(installation, /commands$/)).length, 1);
});

test("a device that is renamed again and again does not cost a sync each time", async () => {
	const installation = await newInstallation();
	const began = Date.now();

	await stack.control("POST", "calls/reset", {});
	for (let i = 1; i <= 20; i++) {
		await stack.control("POST", `devices/${installation.devices[0]}`, { label: `Name ${i}` });
		await setTimeout(300);
	}
	const most = 2 + Math.floor((Date.now() - began) / 15000);
	const { length } = await callsOf(installation, /^GET \/devices$/);

	assert.ok(length >= 1 && length <= most, `${length} syncs, ${most} allowed`);
	await waitFor(async () => (await installation.list())[0].label === "Name 20", { timeoutMs: 60000, what: "the last name" });
});

test("after an absence of all workers installations are read again, those with an open page at once", async () => {
	const installation = await newInstallation();
	const [device] = installation.devices;
	const personal = await stack.control("POST", "personal-token", { accountId: (await installation.row()).owner_id });
	const pid = await workerPid();

	// Nothing tells of this change.
	await request(`${stack.simulatorUrl}/v1/installedapps/${installation.id}/subscriptions`,
		{ method: "DELETE", headers: { Authorization: `Bearer ${personal.token}` } });
	process.kill(pid, "SIGSTOP");
	await stack.control("POST", `devices/${device}/flip`, { value: "on" });
	await sql("UPDATE worker SET seen_at = now() - interval '10 minutes'");
	process.kill(pid, "SIGKILL");
	await waitFor(async () => (await installation.list()).find(({ deviceId }) => deviceId === device).state === "on",
		{ timeoutMs: 60000, what: "the change" });
	assert.equal(await sql("SELECT count(*) FROM catch_up"), "0");
});
