// SWITCHBOARD_SIGN_UP=invite: links that let one person in each, from the page that makes them to the platform and back.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CookieJar, consent, csrfToken, linkAccount, startStack, unescapeHtml } from "../stack.mjs";

const NOBODY = "A".repeat(43);
let stack;
let alex;
let people = 0;

before(async () => {
	stack = await startStack({ env: { SWITCHBOARD_SIGN_UP: "invite" } });
	alex = await linkAccount(stack, { location: "Home" });
	await stack.syncedInstallation("Home");
});

after(() => stack?.stop());

/** POST of a signed-in person's form. */
const post = async (where, jar, form = {}) => stack.request(where, { jar, form: { csrf: await csrfToken(stack, jar), ...form } });

/** The code of a new link. */
async function invite(jar = alex) {
	const page = await post("/invitations", jar);

	assert.equal(page.status, 200, page.text.slice(0, 300));
	const [, link] = /<p class="link">([^<]*)<\/p>/.exec(page.text);

	assert.ok(unescapeHtml(link).startsWith(`${stack.url}/join/`));
	return unescapeHtml(link).slice(`${stack.url}/join/`.length);
}

const fieldOf = (page) => /name="csrf" value="([^"]+)"/.exec(page.text)?.[1];

/** Open a link and press its button; returns the browser. */
async function accept(code, jar = new CookieJar()) {
	const page = await stack.request(`/join/${code}`, { jar });

	assert.equal(page.status, 200, page.text.slice(0, 300));
	const answer = await stack.request(`/join/${code}`, { jar, form: { csrf: fieldOf(page) } });

	assert.equal(answer.status, 200, answer.text.slice(0, 300));
	assert.match(answer.text, /<meta http-equiv="refresh" content="0; url=\/oauth\/start">/);
	return jar;
}

/** Somebody who was never here, with a location at the platform. */
async function stranger() {
	const name = `Place ${++people}`;
	const { locations } = await stack.control("POST", "accounts",
		{ name: `Stranger ${people}`, locations: [{ name, devices: [{ name: `Lamp ${people}` }] }] });

	return { name, locationId: locations[0].locationId };
}

/** They come back from the platform in this browser. */
async function arrive({ locationId }, jar = new CookieJar()) {
	const { callback } = await consent(stack, { location: locationId, jar });

	return stack.request(callback, { jar });
}

const invitations = () => stack.rows("SELECT public_id, used_at, expires_at > now() AS fresh FROM invitation ORDER BY created_at");
const isOpen = async (code) => (await stack.psql(`SELECT used_at IS NULL FROM invitation WHERE code_hash = sha256('${code}')`)) === "t";
const installed = async ({ locationId }) =>
	(await stack.control("GET", "state")).installedApps.some((app) => app.locationId === locationId);

/** Everything in the database that could say who came. */
const traces = async () => (await stack.rows(`SELECT (SELECT count(*) FROM installation) AS installations,
	(SELECT count(*) FROM token) AS tokens, (SELECT count(*) FROM session) AS sessions, (SELECT count(*) FROM access) AS access,
	(SELECT count(*) FROM user_account) AS users, (SELECT count(*) FROM oauth_state) AS states`))[0];

/** They are refused, uninstalled at the platform, and leave nothing here. */
async function assertRefused(person, jar) {
	const before = await traces();
	const answer = await arrive(person, jar);

	assert.equal(answer.status, 403, answer.text.slice(0, 300));
	assert.match(answer.text, /You need an invitation/);
	assert.equal(answer.setCookies.some((line) => line.startsWith("session=")), false);
	assert.deepEqual(await traces(), before);
	assert.equal(await installed(person), false);
}

/** The one page for every code that lets nobody in. */
let notOpen;

async function assertNotOpen(path, options) {
	const page = await stack.request(path, options);

	assert.equal(page.status, 404, path);
	assert.match(page.text, /<h1>This invitation does not work<\/h1>/);
	notOpen ??= page.text;
	assert.equal(page.text, notOpen);
	assert.deepEqual(page.setCookies, []);
}

test("an owner makes a link, and who accepts it comes in with their own location", async () => {
	const person = await stranger();

	await assertRefused(person, new CookieJar());
	const code = await invite();

	assert.match(code, /^[A-Za-z0-9_-]{43}$/);
	const jar = await accept(code);

	assert.equal(await isOpen(code), true, "accepting alone does not use it up");
	const answer = await arrive(person, jar);

	assert.equal(answer.status, 303, answer.text.slice(0, 300));
	assert.equal(await isOpen(code), false);
	assert.equal(jar.cookies(stack.url).invitation, undefined, "its cookie has gone");
	const id = await stack.syncedInstallation(person.name);

	assert.deepEqual((await stack.switches(jar)).map(({ installationId }) => installationId), [id]);
	assert.equal((await stack.switches(alex)).some(({ installationId }) => installationId === id), false);
	// Who came in needs no invitation the next time.
	assert.equal((await arrive(person)).status, 303);
});

test("of two browsers with the same link one comes in, also at the same moment", async () => {
	const code = await invite();
	const both = await Promise.all([stranger(), stranger()]);
	const back = [];

	for (const { locationId } of both) {
		const { jar, callback } = await consent(stack, { location: locationId, jar: await accept(code) });

		back.push({ jar, callback });
	}
	const users = async () => Number((await traces()).users);
	const before = await users();
	const answers = await Promise.all(back.map(({ jar, callback }) => stack.request(callback, { jar })));

	assert.deepEqual(answers.map(({ status }) => status).sort(), [303, 403]);
	assert.equal(await users(), before + 1);
	assert.equal(await installed(both[answers.findIndex(({ status }) => status === 403)]), false);
	await assertNotOpen(`/join/${code}`);
	await stack.syncedInstallation(both[answers.findIndex(({ status }) => status === 303)].name);
});

test("a link that expires after it was accepted lets nobody in", async () => {
	const code = await invite();
	const jar = await accept(code);

	await stack.psql(`UPDATE invitation SET expires_at = now() WHERE code_hash = sha256('${code}')`);
	await assertRefused(await stranger(), jar);
	assert.equal(jar.cookies(stack.url).invitation, undefined);
	await assertNotOpen(`/join/${code}`);
});

test("a link that is withdrawn after it was accepted lets nobody in", async () => {
	const code = await invite();
	const jar = await accept(code);
	const id = await stack.psql(`SELECT public_id FROM invitation WHERE code_hash = sha256('${code}')`);

	assert.ok((await stack.request("/sessions", { jar: alex })).text.includes(id));
	const answer = await post("/invitations/withdraw", alex, { invitation: id });

	assert.equal(answer.status, 303);
	assert.equal(answer.location, `${stack.url}/sessions#invitations`);
	assert.ok(!(await stack.request("/sessions", { jar: alex })).text.includes(id));
	await assertRefused(await stranger(), jar);
	await assertNotOpen(`/join/${code}`);
	assert.equal((await post("/invitations/withdraw", alex, { invitation: id })).status, 404);
});

test("codes that nobody made, or that lost or gained something, get the same page", async () => {
	const code = await invite();

	for (const wrong of [NOBODY, code.slice(0, -1), code.slice(1), `${code}A`, `${code}.`, `${code}%20`, `${code}%0d%0aSet-Cookie:%20x=y`,
		code.toLowerCase(), "'%20OR%20'1'='1", "%ff%fe", "A".repeat(1900)])
		await assertNotOpen(`/join/${wrong}`);
	for (const path of ["/join", "/join/", `/join/${code}/`, `/join/${code}/x`, `/Join/${code}`, `/join//${code}`]) {
		const page = await stack.request(path);

		assert.equal(page.status, 404, path);
		assert.deepEqual(page.setCookies, []);
	}
	assert.equal((await stack.request(`/join/${code}?from=mail`)).status, 200);
	// POST to a wrong code, by a browser with a good form.
	const jar = new CookieJar();
	const csrf = fieldOf(await stack.request(`/join/${code}`, { jar }));

	await assertNotOpen(`/join/${NOBODY}`, { jar, form: { csrf } });
	assert.equal(jar.cookies(stack.url).invitation, undefined);
});

test("a planted cookie lets nobody in", async () => {
	const code = await invite();

	for (const value of [NOBODY, code.slice(1), `${code}A`, `"${code}"`, "' OR '1'='1", await stack.psql(`SELECT encode(sha256('${code}'), 'hex')`)]) {
		const jar = new CookieJar();

		jar.set(stack.url, "invitation", value);
		await assertRefused(await stranger(), jar);
	}
	assert.equal(await isOpen(code), true);
});

test("the button works only in the browser that opened the link", async () => {
	const code = await invite();
	const path = `/join/${code}`;
	const jar = new CookieJar();
	const other = new CookieJar();
	const csrf = fieldOf(await stack.request(path, { jar }));
	const theirs = fieldOf(await stack.request(path, { jar: other }));

	assert.notEqual(csrf, theirs);
	for (const [name, options] of Object.entries({
		"no token": { jar, form: {} }, "an empty one": { jar, form: { csrf: "" } }, "another browser's": { jar, form: { csrf: theirs } },
		"no cookie": { form: { csrf } }, "the signed-in page's": { jar, form: { csrf: await csrfToken(stack, alex) } },
		"the cookie itself": { jar, form: { csrf: jar.cookies(stack.url).guest } },
		"one in text/plain": { jar, body: `csrf=${csrf}`, headers: { "Content-Type": "text/plain" } },
		"one in JSON": { jar, json: { csrf } }, "one twice": { jar, body: `csrf=${csrf}&csrf=${csrf}`,
			headers: { "Content-Type": "application/x-www-form-urlencoded" } },
	})) {
		const answer = await stack.request(path, { headers: { Origin: "https://evil.example" }, ...options });

		assert.equal(answer.status, 403, name);
		assert.deepEqual(answer.setCookies, [], name);
	}
	assert.equal((await stack.request(path, { jar, form: { csrf } })).status, 200);
	// A second tab has the same cookie, so both forms work.
	assert.equal(fieldOf(await stack.request(path, { jar })), csrf);
});

test("its cookies are the browser's only, and no address with a code is passed on", async () => {
	const code = await invite();
	const jar = new CookieJar();
	const page = await stack.request(`/join/${code}`, { jar });
	const accepted = await stack.request(`/join/${code}`, { jar, form: { csrf: fieldOf(page) } });

	for (const answer of [page, accepted]) {
		assert.equal(answer.headers["referrer-policy"], "no-referrer");
		assert.equal(answer.headers["cache-control"], "no-store");
		assert.equal(answer.setCookies.length, 1);
		for (const attribute of [/; HttpOnly(;|$)/, /; SameSite=Lax(;|$)/, /; Path=\/(;|$)/, /; Max-Age=\d+(;|$)/])
			assert.match(answer.setCookies[0], attribute);
	}
	assert.ok(!page.text.includes(code), "the page does not repeat it");
	assert.match(accepted.setCookies[0], /^invitation=/);
	assert.equal((await stack.request(`/join/${code}`, { method: "PUT" })).headers["referrer-policy"], "no-referrer");
	assert.equal((await stack.request("/")).headers["referrer-policy"], "same-origin");
});

test("looking at a link, or signing in without needing it, does not use it up", async () => {
	const code = await invite();

	for (const method of ["GET", "HEAD", "GET"])
		assert.equal((await stack.request(`/join/${code}`, { method })).status, 200);
	// A person who may come in anyway.
	const jar = await accept(code);

	await linkAccount(stack, { location: "Home", jar });
	assert.equal(await isOpen(code), true);
	assert.equal(jar.cookies(stack.url).invitation, undefined);
	const page = await stack.request(`/join/${code}`, { jar });

	assert.equal(page.status, 200);
	assert.match(page.text, /You need no invitation/);
	const answer = await stack.request(`/join/${code}`, { jar, form: {} });

	assert.equal(answer.status, 303);
	assert.equal(answer.location, `${stack.url}/`);
	assert.deepEqual(answer.setCookies, []);
});

test("a sign-in that fails at the platform can be tried again with the same invitation", async () => {
	const code = await invite();
	const person = await stranger();
	const jar = await accept(code);
	const { callback } = await consent(stack, { location: person.locationId, decision: "deny", jar });

	assert.equal((await stack.request(callback, { jar })).status, 403);
	assert.equal((await arrive(person, jar)).status, 303);
	assert.equal(await isOpen(code), false);
	await stack.syncedInstallation(person.name);
});

test("only owners invite, each up to a number, and nobody sees or withdraws another's", async () => {
	const person = await stranger();
	const jar = await accept(await invite());

	assert.equal((await arrive(person, jar)).status, 303);
	await stack.syncedInstallation(person.name);
	await invite();
	const [{ public_id: theirs }] = (await invitations()).filter(({ used_at, fresh }) => used_at === null && fresh);

	assert.ok((await stack.request("/sessions", { jar: alex })).text.includes(theirs));
	assert.ok(!(await stack.request("/sessions", { jar })).text.includes(theirs));
	for (const id of [theirs, theirs.toUpperCase(), "x", "", "' OR '1'='1", NOBODY])
		assert.equal((await post("/invitations/withdraw", jar, { invitation: id })).status, 404, id);
	assert.equal((await post("/invitations/withdraw", jar)).status, 400);
	assert.ok((await invitations()).some(({ public_id: id }) => id === theirs));
	for (let i = 0; i < 20; i++)
		await invite(jar);
	const answer = await post("/invitations", jar);

	assert.equal(answer.status, 409);
	assert.match(answer.text, /Too many of your invitations are open/);
	await stack.psql("UPDATE access SET role = 'control' WHERE user_id = (SELECT max(user_id) FROM user_account)");
	assert.doesNotMatch((await stack.request("/sessions", { jar })).text, /invitation/i);
	assert.equal((await post("/invitations", jar)).status, 409);
	for (const where of ["/invitations", "/invitations/withdraw"]) {
		assert.equal((await stack.request(where, { form: {} })).status, 401, where);
		assert.equal((await stack.request(where, { jar: alex, form: {} })).status, 403, where);
	}
});

test("when nobody new may come in, invitations neither work nor are made", async () => {
	const code = await invite();
	const jar = await accept(code);

	stack.env.SWITCHBOARD_SIGN_UP = "closed";
	await stack.end();
	await stack.start();
	await assertNotOpen(`/join/${code}`);
	await assertRefused(await stranger(), jar);
	assert.equal(await isOpen(code), true);
	assert.doesNotMatch((await stack.request("/sessions", { jar: alex })).text, /invitation/i);
	assert.equal((await post("/invitations", alex)).status, 409);
});
