// Rows of one installation that somebody keeps locked: what the others notice (nothing), and that the work of the
// installation itself is done once they are free.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { quote, startStack, waitFor } from "../stack.mjs";
import { Installation } from "./installation.mjs";
import { RowLock } from "./row_lock.mjs";

let stack, locked, other;

before(async () => {
	stack = await startStack();
	const both = [await Installation.create(stack), await Installation.create(stack)];

	// Where all are worked on in the order of their ids, the locked one comes first.
	[locked, other] = both.sort((a, b) => (a.id < b.id ? -1 : 1));
});

after(() => stack?.stop());

/** Lock an installation's row, or what "select" says, while "during" runs with the function that releases it. */
async function whileLocked(select, during) {
	const lock = await RowLock.take(stack, select);

	try {
		return await during(() => lock.release());
	} finally {
		await lock.release();
	}
}

const rowOf = ({ id }) => `SELECT FROM installation WHERE installation_id = ${quote(id)} FOR UPDATE`;
const tokenOf = ({ id }) => `SELECT FROM token WHERE installation_id = ${quote(id)} FOR UPDATE`;

/** Wait for a line of a program's log that is not in "before" and has all of these. */
const logged = (program, before, ...parts) => waitFor(() => stack.log(program).slice(before.length).split("\n")
	.some((line) => parts.every((part) => line.includes(part))), { timeoutMs: 60000, what: `${program}: ${parts.join(" ")}` });

/** Only one process of a program serves, so that whatever waits in it keeps all others waiting. */
async function inOneProcess(program, during) {
	const [, ...others] = stack.pids(program);

	others.forEach((pid) => process.kill(pid, "SIGSTOP"));
	try {
		return await during();
	} finally {
		others.forEach((pid) => process.kill(pid, "SIGCONT"));
	}
}

/** The platform answers nothing while "during" runs. */
async function whilePlatformHangs(during) {
	const [simulator] = stack.pids("switchboard-simulator");

	process.kill(simulator, "SIGSTOP");
	try {
		return await during();
	} finally {
		process.kill(simulator, "SIGCONT");
	}
}

async function confirmedClick(installation, device = installation.devices[0], command = "on") {
	const answer = await installation.click(device, { command });

	assert.equal(answer.status, 202, answer.text);
	const [row] = await installation.finished([answer.json().commandId]);

	return row.status;
}

test("while an installation's row is locked, another's overdue commands expire and its clicks are confirmed", async () => {
	const [worker] = stack.pids("switchboard-worker");
	const overdue = async ({ id, devices }) => stack.psql(`INSERT INTO command (installation_id, device_id, component, command, user_id,
		status, requested_at, accepted_at, deadline_at, seq)
		SELECT ${quote(id)}, ${quote(devices[1])}, 'main', 'on', user_id, 'accepted', now() - interval '1 hour', now() - interval '1 hour',
		now(), seq FROM installation WHERE installation_id = ${quote(id)} RETURNING command_id`);
	const ids = [];

	process.kill(worker, "SIGSTOP");
	try {
		ids.push(await overdue(locked), await overdue(other));
	} catch (error) {
		process.kill(worker, "SIGCONT");
		throw error;
	}
	await whileLocked(rowOf(locked), async () => {
		process.kill(worker, "SIGCONT");
		assert.equal((await other.finished([ids[1]]))[0].error, "unconfirmed");
		assert.equal(await confirmedClick(other), "confirmed");
		assert.equal((await locked.commands([ids[0]]))[0].status, "accepted");
	});
	assert.equal((await locked.finished([ids[0]]))[0].error, "unconfirmed");
});

test("results of one installation are saved while another's row is locked", async () => {
	const before = stack.log("worker");
	// The event may come first, and not at all when it came to a locked row: only the answer ends the worker's claim.
	const isSaved = async (id) => await stack.psql(`SELECT claimed_until IS NULL FROM command WHERE command_id = ${quote(id)}`) === "t";
	// Locked after its command was sent, and before that is answered.
	const lockDuringCall = async (installation) => whilePlatformHangs(async () => {
		const { commandId } = (await installation.click(installation.devices[2])).json();

		await waitFor(async () => (await installation.commands([commandId]))[0].status === "sent", { timeoutMs: 60000, what: "the call" });
		return [commandId, await RowLock.take(stack, rowOf(installation))];
	});
	const [otherId, lockOfOther] = await lockDuringCall(other);
	let id, lock;

	try {
		await logged("worker", before, "command.save_later", other.id);
		[id, lock] = await lockDuringCall(locked);
		try {
			await logged("worker", before, "command.save_later", locked.id);
			await lockOfOther.release();
			await waitFor(() => isSaved(otherId), { timeoutMs: 60000, what: "the other's result" });
			assert.equal(await confirmedClick(other), "confirmed");
			assert.equal(await isSaved(id), false);
		} finally {
			await lock.release();
		}
	} finally {
		await lockOfOther.release();
	}
	await waitFor(() => isSaved(id), { timeoutMs: 60000, what: "the result" });
	await locked.finished([id]);
	await other.finished([otherId]);
});

test("a click at a locked installation is refused after a while, and one at another is taken meanwhile", async () => {
	await inOneProcess("dashboard.fcgi", () => whileLocked(rowOf(locked), async () => {
		const before = stack.log("dashboard");
		const refused = locked.click(locked.devices[0]);

		await logged("dashboard", before, "request.locked");
		assert.equal((await other.click(other.devices[0], { command: "off" })).status, 202);
		const answer = await refused;

		assert.deepEqual([answer.status, answer.headers["retry-after"], answer.json().error.code], [503, "5", "locked"]);
		const page = await stack.request(`/switches/${locked.devices[0]}/main`, { jar: locked.jar, form: { csrf: locked.csrf, command: "on" } });

		assert.equal(page.status, 503);
		assert.match(page.text, /nothing was changed/);
	}));
	assert.equal(await confirmedClick(locked, locked.devices[0], "off"), "confirmed");
});

test("a click at an installation that is locked for a moment is taken", async () => {
	let answer;

	// On a machine that takes longer for this than a click waits, it is refused.
	for (let tries = 0; answer?.status !== 202 && tries < 20; tries++)
		answer = await whileLocked(rowOf(locked), async (release) => {
			const before = stack.log("dashboard");
			const taken = locked.click(locked.devices[0]);

			await logged("dashboard", before, "request.locked");
			await release();
			return taken;
		});
	assert.equal(answer.status, 202, answer.text);
	await locked.finished([answer.json().commandId]);
});

test("a refresh whose token is locked when it is answered holds up no other, and is stored afterwards", async () => {
	const generation = async (installation) => (await installation.token()).generation;
	const refresh = ({ id }) => stack.psql(`UPDATE work SET run_at = now() WHERE kind = 'refresh' AND installation_id = ${quote(id)};
		NOTIFY switchboard_work`);
	const spooled = () => readdirSync(path.join(stack.stateDir, "spool")).filter((name) => name.startsWith(locked.id));
	const [first, otherFirst] = [await generation(locked), await generation(other)];

	const before = stack.log("worker");
	const lock = await whilePlatformHangs(async () => {
		await refresh(locked);
		await waitFor(async () => (await locked.token()).lease !== null, { timeoutMs: 60000, what: "the claim" });
		return RowLock.take(stack, tokenOf(locked));
	});

	try {
		await waitFor(() => spooled().length === 1, { timeoutMs: 60000, what: "the answer on the disk" });
		await logged("worker", before, "token.refresh", locked.id, "stored=no");
		await refresh(other);
		await waitFor(async () => await generation(other) === otherFirst + 1, { timeoutMs: 60000, what: "the other's token" });
		assert.equal(spooled().length, 1);
	} finally {
		await lock.release();
	}
	await waitFor(async () => await generation(locked) === first + 1, { timeoutMs: 60000, what: "the token" });
	assert.equal(spooled().length, 1, "where it stays until the next one");
	assert.equal(await confirmedClick(locked, locked.devices[1]), "confirmed");
});
