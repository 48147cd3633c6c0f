// The page /sessions: the browsers in which a user is signed in, and ending their sessions.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CookieJar, consent, csrfOf, linkAccount, request, startStack, unescapeHtml, waitFor } from "../stack.mjs";
import { openStream } from "./stream.mjs";

const AGENTS = {
	laptop: "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
	phone: "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
	hostile: "<script>alert(1)</script> \"'& " + "x".repeat(400),
};
const jars = {};
let stack;
let other;

/** Sign in to the same location in one more browser. */
async function signIn(agent) {
	const { jar, callback } = await consent(stack, { location: "Home" });
	const answer = await request(callback, { jar, headers: { ...(agent !== undefined && { "User-Agent": agent }) } });

	assert.equal(answer.status, 303);
	return jar;
}

before(async () => {
	stack = await startStack();
	for (const [name, agent] of Object.entries(AGENTS))
		jars[name] = await signIn(agent);
	await stack.control("POST", "accounts", { name: "Somebody else", locations: [{ name: "Elsewhere", devices: [{ name: "Lamp" }] }] });
	other = await linkAccount(stack, { location: "Elsewhere" });
	await waitFor(async () => (await stack.psql("SELECT count(*) FROM installation WHERE synced_at IS NULL")) === "0",
		{ timeoutMs: 30000, what: "the first sync" });
});

after(() => stack?.stop());

const get = (jar) => stack.request("/sessions", { jar });

/** What the page lists: { name, here, id }. */
async function list(jar) {
	const page = await get(jar);

	assert.equal(page.status, 200);
	return [...page.text.matchAll(/<li[\s\S]*?<\/li>/g)].map(([item]) => ({
		name: unescapeHtml(/<strong[^>]*>([\s\S]*?)<\/strong>/.exec(item)[1]),
		title: unescapeHtml(/<strong title="([^"]*)"/.exec(item)[1]),
		here: item.includes("This browser"),
		id: /name="session" value="([^"]+)"/.exec(item)?.[1],
	}));
}

async function post(where, jar, form = {}) {
	return stack.request(where, { jar, form: { csrf: csrfOf((await get(jar)).text), ...form } });
}

const idOf = async (jar, name) => (await list(jar)).find((session) => session.name === name).id;
const isSignedIn = async (jar) => (await stack.request("/api/switches", { jar })).status === 200;
const csrfOfAny = async (jar) => csrfOf((await stack.request("/", { jar })).text);

test("a session that is used is extended once a day, and its cookie with it", async () => {
	const jar = await signIn("Old friend");
	const cookie = jar.cookies(stack.url).session;
	const renewal = ({ setCookies }) => setCookies.filter((line) => line.startsWith("session="));
	const id = await stack.psql("SELECT public_id FROM session WHERE user_agent = 'Old friend'");
	const life = () => stack.psql(`SELECT expires_at > now() + interval '29 days' FROM session WHERE public_id = '${id}'`);

	for (const where of ["/", "/api/switches", "/sessions"]) {
		assert.deepEqual(renewal(await stack.request(where, { jar })), [], "not with each request");
		await stack.psql(`UPDATE session SET expires_at = now() + interval '3 days' WHERE public_id = '${id}'`);
		const [line, ...more] = renewal(await stack.request(where, { jar }));

		assert.deepEqual(more, []);
		assert.ok(line.startsWith(`session=${cookie};`), "the same session");
		assert.match(line, /; Max-Age=2592000(;|$)/);
		assert.match(line, /; HttpOnly(;|$)/);
		assert.equal(await life(), "t");
	}
	await stack.psql(`UPDATE session SET expires_at = now() + interval '3 days' WHERE public_id = '${id}'`);
	await post("/logout", jar);
	assert.equal(jar.cookies(stack.url).session, undefined, "logging out deletes the cookie");
	assert.equal(await isSignedIn(jar), false);
});

test("lists the browsers of this user only, this one first", async () => {
	const sessions = await list(jars.phone);

	assert.deepEqual(sessions.map(({ name }) => name.slice(0, 25)).sort(),
		["<script>alert(1)</script>", "Firefox on Linux", "Safari on iPhone"]);
	assert.equal(sessions[0].name, "Safari on iPhone");
	assert.equal(sessions[0].here, true);
	assert.equal(sessions[0].id, undefined);
	assert.deepEqual(sessions.slice(1).map(({ here }) => here), [false, false]);
	assert.equal(sessions[0].title, AGENTS.phone);
	assert.deepEqual((await list(other)).map(({ name, here }) => ({ name, here })), [{ name: "Unknown browser", here: true }]);
});

test("a user agent is shown as text, shortened", async () => {
	const page = await get(jars.phone);

	assert.match(page.text, /&lt;script&gt;alert/);
	assert.doesNotMatch(page.text, /<script>alert/);
	assert.doesNotMatch(page.text, /x{201}/);
	assert.match(page.headers["content-security-policy"], /default-src 'none'/);
	assert.equal(page.headers["cache-control"], "no-store");
});

test("shows neither a cookie, nor its hash, nor an address", async () => {
	const page = await get(jars.phone);
	const hashes = (await stack.psql("SELECT encode(session_hash, 'hex') || ' ' || encode(session_hash, 'base64') FROM session")).split(/\s+/);

	for (const jar of [...Object.values(jars), other])
		assert.ok(!page.text.includes(jar.cookies(stack.url).session), "a cookie is on the page");
	for (const hash of hashes)
		assert.ok(!page.text.includes(hash), "a hash is on the page");
	assert.doesNotMatch(page.text, /127\.0\.0\.1/);
	assert.doesNotMatch(await stack.psql("SELECT string_agg(s::text, ' ') FROM session s"), /127\.0\.0\.1/);
});

test("the switch page links to the list", async () => {
	assert.match((await stack.request("/", { jar: jars.phone })).text, /<a class="quiet" href="\/sessions">Signed-in browsers<\/a>/);
	assert.doesNotMatch((await stack.request("/")).text, /href="\/sessions"/);
});

test("where everybody may sign in there are no invitations", async () => {
	assert.doesNotMatch((await get(jars.phone)).text, /invitation/i);
	assert.equal((await post("/invitations", jars.phone)).status, 409);
	for (const options of [{}, { form: {} }, { jar: jars.phone }]) {
		const answer = await stack.request(`/join/${"A".repeat(43)}`, options);

		assert.equal(answer.status, 303);
		assert.equal(answer.location, `${stack.url}/`);
		assert.deepEqual(answer.setCookies, []);
	}
});

test("a signed-out browser gets 401 with a link to the sign-in at every address", async () => {
	for (const [where, options] of [["/sessions", {}], ["/sessions/end", { form: { session: "x" } }], ["/sessions/end-others", { form: {} }]]) {
		const answer = await stack.request(where, { jar: new CookieJar(), ...options });

		assert.equal(answer.status, 401, where);
		assert.match(answer.text, /href="\/oauth\/start"/);
	}
});

test("other methods are answered 405", async () => {
	for (const [where, method] of [["/sessions", "POST"], ["/sessions/end", "GET"], ["/sessions/end-others", "GET"], ["/sessions", "DELETE"]]) {
		const answer = await stack.request(where, { jar: jars.phone, method });

		assert.equal(answer.status, 405, `${method} ${where}`);
	}
});

test("without the CSRF token nothing is ended", async () => {
	const session = await idOf(jars.phone, "Firefox on Linux");

	for (const form of [{ session }, { session, csrf: "x" }, { session, csrf: await csrfOfAny(jars.laptop) }]) {
		assert.equal((await stack.request("/sessions/end", { jar: jars.phone, form })).status, 403);
		assert.equal((await stack.request("/sessions/end-others", { jar: jars.phone, form })).status, 403);
	}
	assert.equal((await list(jars.phone)).length, 3);
});

test("ending another user's session, or an unknown one, is 404", async () => {
	const theirs = await stack.psql(`SELECT public_id FROM session s JOIN installation i USING (user_id) WHERE i.location_name = 'Elsewhere'`);

	for (const session of [theirs, "00000000-0000-0000-0000-000000000000", "x", "' OR true --", other.cookies(stack.url).session])
		assert.equal((await post("/sessions/end", jars.phone, { session })).status, 404, session);
	assert.equal((await post("/sessions/end", jars.phone)).status, 400);
	assert.equal(await isSignedIn(other), true);
	assert.equal((await list(jars.phone)).length, 3);
});

test("ending one session closes its stream with bye, and its next click is 401", async () => {
	const csrf = await csrfOfAny(jars.laptop);
	const { cursor, switches } = (await stack.request("/api/switches", { jar: jars.laptop })).json();
	const stream = await openStream(stack, { jar: jars.laptop, cursor });
	const mine = await openStream(stack, { jar: jars.phone, cursor });
	const answer = await post("/sessions/end", jars.phone, { session: await idOf(jars.phone, "Firefox on Linux") });

	assert.equal(answer.status, 303);
	assert.equal(answer.location, `${stack.url}/sessions`);
	await stream.next(({ event }) => event === "bye");
	await waitFor(() => stream.ended, { what: "the stream to end" });
	assert.ok(!mine.ended);
	mine.close();
	const click = await stack.request(`/api/switches/${switches[0].deviceId}/${switches[0].component}`,
		{ jar: jars.laptop, json: { command: "on" }, headers: { "X-CSRF-Token": csrf } });

	assert.equal(click.status, 401);
	assert.equal((await stack.request("/events", { jar: jars.laptop })).status, 401);
	assert.equal((await list(jars.phone)).length, 2);
});

test("ending all others leaves this session and those of other users", async () => {
	jars.laptop = await signIn(AGENTS.laptop);
	assert.equal((await list(jars.laptop)).length, 3);
	assert.equal((await post("/sessions/end-others", jars.laptop)).status, 303);
	assert.deepEqual((await list(jars.laptop)).map(({ name }) => name), ["Firefox on Linux"]);
	assert.doesNotMatch((await get(jars.laptop)).text, /Sign out all others/);
	assert.equal(await isSignedIn(jars.laptop), true);
	assert.equal(await isSignedIn(jars.phone), false);
	assert.equal(await isSignedIn(jars.hostile), false);
	assert.equal(await isSignedIn(other), true);
});

test("requests for pages change no session row", async () => {
	const seen = () => stack.psql("SELECT string_agg(s::text || s.xmin, ' ' ORDER BY public_id) FROM session s");
	const before = await seen();

	for (const where of ["/", "/sessions", "/api/switches"])
		assert.equal((await stack.request(where, { jar: jars.laptop })).status, 200);
	assert.equal(await seen(), before);
});

test("an open stream updates the time of last use", async () => {
	const seen = () => stack.psql("SELECT bool_and(seen_at > now() - interval '1 hour') FROM session");

	await stack.psql("UPDATE session SET seen_at = now() - interval '2 hours' WHERE user_agent LIKE '%Firefox%'");
	assert.equal(await seen(), "f");
	const { cursor } = (await stack.request("/api/switches", { jar: jars.laptop })).json();

	await stack.psql("UPDATE session SET seen_at = now() - interval '2 hours' WHERE user_agent LIKE '%Firefox%'");
	const stream = await openStream(stack, { jar: jars.laptop, cursor });

	await waitFor(async () => (await seen()) === "t", { timeoutMs: 30000, what: "the session to be seen" });
	assert.ok(!stream.ended);
	stream.close();
});
