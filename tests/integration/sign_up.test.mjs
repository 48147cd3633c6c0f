// SWITCHBOARD_SIGN_UP=invite: who is let in, and what is left of those who are not.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { CookieJar, consent, linkAccount, startStack } from "../stack.mjs";

let stack, first;

before(async () => {
	stack = await startStack({ env: { SWITCHBOARD_SIGN_UP: "invite" } });
	first = await linkAccount(stack, { location: "Home" });
	await stack.syncedInstallation("Home");
});

after(() => stack?.stop());

beforeEach(() => stack.control("DELETE", "faults"));

/** Everything in the database that could say who came. */
const traces = async () => (await stack.rows(`SELECT (SELECT count(*) FROM installation) AS installations,
	(SELECT count(*) FROM token) AS tokens, (SELECT count(*) FROM session) AS sessions, (SELECT count(*) FROM access) AS access,
	(SELECT count(*) FROM user_account) AS users, (SELECT count(DISTINCT installation_id) FROM api_call WHERE installation_id <> '') AS called`))[0];

const installed = async () => (await stack.control("GET", "state")).installedApps.map(({ locationId }) => locationId);

async function makePerson(name, location, shares = []) {
	const { accountId, locations } = await stack.control("POST", "accounts",
		{ name, shares, locations: [{ name: location, devices: [{ name: "Lamp" }] }] });

	return { accountId, locationId: locations[0].locationId };
}

/** A browser comes back from the platform with a permission; returns the answer. */
async function arrive(options) {
	const { jar, callback } = await consent(stack, options);

	return stack.request(callback, { jar });
}

function assertRefused(answer, words) {
	assert.equal(answer.status, 403, answer.text.slice(0, 300));
	assert.match(answer.text, /You need an invitation/);
	assert.match(answer.text, words);
	assert.equal(answer.setCookies.some((line) => line.startsWith("session=")), false);
}

test("the first person adds locations and signs in again", async () => {
	await linkAccount(stack, { location: "Lake cabin", jar: first });
	await linkAccount(stack, { location: "Home" });
	assert.equal((await traces()).users, 1);
	await stack.syncedInstallation("Lake cabin");
});

test("somebody who is not invited is uninstalled at the platform at once, and nothing of them is kept", async () => {
	const { locationId } = await makePerson("Stranger", "Somewhere");
	const before = await traces();

	assertRefused(await arrive({ location: locationId }), /uninstalled from your location/);
	assert.deepEqual(await traces(), before);
	assert.equal((await installed()).includes(locationId), false);
	assertRefused(await arrive({ location: locationId, jar: first }), /uninstalled from your location/);
	assert.deepEqual(await traces(), before);
	assert.equal((await stack.request("/api/switches", { jar: first })).status, 200, "the first person stays signed in");
});

test("when uninstalling fails, the page says where to do it", async () => {
	const { locationId } = await makePerson("Unlucky", "Elsewhere");
	const before = await traces();

	await stack.control("POST", "faults", { method: "DELETE", path: "/installedapps/", count: 9, action: "status", status: 500 });
	assertRefused(await arrive({ location: locationId }), /remove Switchboard there/);
	assert.deepEqual(await traces(), before);
});

test("another owner of a location that is linked is refused without taking it from the others", async () => {
	const { locations } = await stack.control("GET", "state");
	const { locationId } = locations.find(({ name }) => name === "Home");
	const { accountId } = await makePerson("Flatmate", "Cellar", [locationId]);
	const before = await traces();

	assertRefused(await arrive({ location: locationId, account: accountId, jar: new CookieJar() }), /Other people have linked/);
	assert.deepEqual(await traces(), before);
	assert.equal((await installed()).includes(locationId), true);
});

test("the first person may come back after they have disconnected everything", async () => {
	await stack.psql("SELECT installation_erase(installation_id, false) FROM installation");
	assert.equal((await traces()).sessions, 0);
	await linkAccount(stack, { location: "Lake cabin" });
	assertRefused(await arrive({ location: (await makePerson("Late", "Attic")).locationId }), /uninstalled/);
});
