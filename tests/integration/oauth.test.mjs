// Signing in: /oauth/start, the platform's consent page, /oauth/callback.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { CookieJar, choose, consent, linkAccount, startStack } from "../stack.mjs";

const sessionOf = (jar) => jar.cookies(stack.url).session;
const secrets = [];
let stack;

before(async () => {
	stack = await startStack();
});

after(() => stack?.stop());

beforeEach(async () => {
	await stack.control("DELETE", "faults");
	await stack.control("POST", "calls/reset", {});
});

/** Consent to a link; returns the callback, whose code and state are added to "secrets" for the search in the logs. */
async function allowed(options) {
	const { jar, callback } = await consent(stack, options);
	const url = new URL(callback);

	secrets.push(url.searchParams.get("code"), url.searchParams.get("state"));
	return { jar, callback, state: url.searchParams.get("state") };
}

/** A browser that has only requested /oauth/start, and its state. */
async function begun(jar = new CookieJar()) {
	const start = await stack.request("/oauth/start", { jar });

	return { jar, state: new URL(start.location).searchParams.get("state") };
}

const callback = (jar, fields) =>
	stack.request(`/oauth/callback?${new URLSearchParams(fields)}`, { jar });

async function exchanges() {
	const { byEndpoint } = await stack.control("GET", "calls");

	return byEndpoint["POST /oauth/token"] ?? 0;
}

const counts = async () => (await stack.rows(`SELECT (SELECT count(*) FROM installation) AS installations,
	(SELECT count(*) FROM token) AS tokens, (SELECT count(*) FROM session) AS sessions,
	(SELECT count(*) FROM user_account) AS users`))[0];

const installations = () => stack.rows(`SELECT i.installation_id, i.user_id, i.owner_id, t.generation
	FROM installation i JOIN token t USING (installation_id) WHERE i.status <> 'removed' ORDER BY i.linked_at`);

/** Assert an error page: its text, and a link to the sign-in. */
function assertPage(answer, status, words) {
	assert.equal(answer.status, status, answer.text.slice(0, 300));
	assert.match(answer.headers["content-type"], /^text\/html/);
	assert.match(answer.headers["content-security-policy"], /default-src 'none'/);
	assert.match(answer.text, words);
	assert.match(answer.text, /href="\/oauth\/start"/);
	assert.doesNotMatch(answer.text, /<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=/);
	assert.equal(answer.setCookies.some((line) => /^session=[^;]/.test(line)), false);
}

test("a sign-in begun on another host name goes to the public URL first", async () => {
	const start = (host, jar) => stack.request("/oauth/start", { jar, headers: { Host: host } });

	for (const host of ["switches.example", `localhost:${stack.port}`, "192.168.1.5:8080", "[fd00::5]:8080", "SWITCHES.example."]) {
		const answer = await start(host);

		assert.equal(answer.status, 302, host);
		assert.equal(answer.headers.location, `${stack.url}/oauth/start`, host);
		assert.ok(answer.setCookies.every((line) => !line.startsWith("oauth_browser=")), host);
	}
	for (const host of [`127.0.0.1:${stack.port}`, "127.0.0.1", "127.0.0.1:1"])
		assert.match((await start(host)).headers.location, /\/v1\/oauth\/authorize\?/, host);
	const jar = new CookieJar();
	const first = await start("switches.example", jar);

	const second = await stack.request(first.location, { jar });

	assert.match(second.location, /\/v1\/oauth\/authorize\?/);
	assert.ok(second.setCookies.some((line) => /^oauth_browser=[^;]/.test(line)));
});

test("behind a proxy that gives every request another host name a sign-in is sent away once only", async () => {
	const jar = new CookieJar();
	const start = async () => (await stack.request("/oauth/start", { jar, headers: { Host: "backend:9000" } })).headers.location;

	assert.equal(await start(), `${stack.url}/oauth/start`);
	assert.match(await start(), /\/v1\/oauth\/authorize\?/);
});

test("start redirects the browser to the platform with all parameters", async () => {
	const answer = await stack.request("/oauth/start");
	const url = new URL(answer.headers.location);

	assert.equal(answer.status, 302);
	assert.equal(url.origin + url.pathname, `${stack.simulatorUrl}/v1/oauth/authorize`);
	assert.equal(url.searchParams.get("response_type"), "code");
	assert.equal(url.searchParams.get("redirect_uri"), `${stack.url}/oauth/callback`);
	assert.equal(url.searchParams.get("scope"), "r:locations:* r:devices:* x:devices:*");
	assert.match(url.search, /scope=r%3Alocations%3A%2A%20r%3Adevices/);
	assert.match(url.searchParams.get("state"), /^[\w-]{43}$/);
	assert.equal(answer.headers["cache-control"], "no-store");
	assert.equal(answer.setCookies.length, 1);
	assert.match(answer.setCookies[0],
		/^oauth_browser=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600$/);
});

test("the state is stored as a hash only", async () => {
	const { jar, state } = await begun();
	const dump = await stack.psql("SELECT string_agg(s::text, ' ') FROM oauth_state s");

	assert.equal(dump.includes(state), false);
	assert.equal(dump.includes(jar.cookies(stack.url).oauth_browser), false);
	assert.equal(dump.includes(Buffer.from(state).toString("hex")), false);
});

test("linking a location stores its tokens and starts a session", async () => {
	const { jar, callback: url } = await allowed({ location: "Home" });
	const answer = await stack.request(url, { jar });
	const [row] = await installations();

	assert.equal(answer.status, 303);
	assert.equal(answer.location, `${stack.url}/`);
	assert.match(answer.setCookies.find((line) => line.startsWith("session=")),
		/^session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=2592000$/);
	assert.match(answer.setCookies.find((line) => line.startsWith("oauth_browser=")), /Max-Age=0/);
	assert.ok(Number.isSafeInteger(row.generation) && row.generation > 0);
	assert.match(row.owner_id, /^[0-9a-f-]{36}$/);
	assert.equal(await exchanges(), 1);
	assert.equal(await stack.psql(
		"SELECT calls FROM api_call WHERE endpoint = 'POST /oauth/token' AND status = 200"), "1");
	secrets.push(sessionOf(jar));
	const { app: _, installedApps } = await stack.control("GET", "state");

	assert.equal(installedApps[0].installedAppId, row.installation_id);
});

test("tokens are stored sealed, sessions as hashes", async () => {
	const [row] = await stack.rows("SELECT access_sealed::text AS access, refresh_sealed::text AS refresh, seal_key_id FROM token");

	// Version 1, length of the key's id, the id, then nothing readable.
	assert.match(row.access, /^\\x01/);
	assert.equal(Buffer.from(row.access.slice(6), "hex").subarray(0, row.seal_key_id.length).toString(), row.seal_key_id);
	assert.notEqual(row.access, row.refresh);
	assert.doesNotMatch(Buffer.from(row.access.slice(2), "hex").toString("latin1"), /[0-9a-f]{8}-[0-9a-f]{4}-/);
	assert.equal(await stack.psql("SELECT string_agg(s::text, ' ') FROM session s")
		.then((text) => secrets.some((secret) => text.includes(secret))), false);
});

test("a second location of the same owner belongs to the same user", async () => {
	const { jar, callback: url } = await allowed({ location: "Lake cabin" });

	assert.equal((await stack.request(url, { jar })).status, 303);
	const rows = await installations();

	assert.equal(rows.length, 2);
	assert.equal(rows[0].user_id, rows[1].user_id);
	assert.notEqual(rows[0].installation_id, rows[1].installation_id);
});

test("linking a location again updates its row and gives the browser a new session", async () => {
	const jar = await linkAccount(stack, { location: "Home" });
	const before = await installations();
	const old = sessionOf(jar);

	await linkAccount(stack, { location: "Home", jar });
	const after_ = await installations();

	assert.equal(after_.length, before.length);
	const generations = (rows) => Object.fromEntries(rows.map((row) => [row.installation_id, row.generation]));
	const earlier = generations(before);
	const changed = Object.entries(generations(after_)).filter(([id, generation]) => generation !== earlier[id]);

	assert.equal(changed.length, 1);
	assert.ok(changed[0][1] > earlier[changed[0][0]]);
	assert.notEqual(sessionOf(jar), old);
	assert.equal(await stack.psql(`SELECT count(*) FROM session WHERE session_hash = sha256('${old}')`), "0");
	assert.equal(await stack.psql(`SELECT count(*) FROM session WHERE session_hash = sha256('${sessionOf(jar)}')`), "1");
	secrets.push(old, sessionOf(jar));
});

/** A new account with one location, which nobody has linked. */
async function makePerson(name, location) {
	const { accountId, locations: [{ locationId }] } = await stack.control("POST", "accounts",
		{ name, locations: [{ name: location, devices: [{ name: "Lamp", label: `Lamp of ${location}` }] }] });

	return { accountId, locationId };
}

/** What a browser shows: the Samsung account that is signed in, and the labels of its switches. */
async function shown(jar) {
	const owner = await stack.psql(`SELECT u.owner_id FROM session JOIN user_account u USING (user_id)
		WHERE session_hash = sha256('${sessionOf(jar)}')`);
	const answer = await stack.request("/api/switches", { jar });

	return { owner, labels: answer.json().switches.map(({ label }) => label).sort() };
}

/** Link in the browser of somebody else; returns the page that asks who should see the location. */
async function asked(jar, options) {
	const answer = await stack.request((await allowed({ jar, ...options })).callback, { jar });

	assert.equal(answer.status, 200, answer.text.slice(0, 300));
	assert.match(answer.text, /belongs to another Samsung account/);
	assert.equal(answer.setCookies.some((line) => line.startsWith("session=")), false);
	return answer;
}

test("whoever links a location is signed in as its owner, though somebody else has linked it in their browser before", async () => {
	const alex = await makePerson("Alex", "Alex' house");
	const sam = await makePerson("Sam", "Sam's flat");
	const alexBrowser = await linkAccount(stack, { location: alex.locationId });

	await stack.syncedInstallation("Alex' house");
	const page = await asked(alexBrowser, { location: sam.locationId });

	assert.match(page.text, /You are signed in as the owner of Alex&#39; house/);
	await stack.syncedInstallation("Sam's flat");
	assert.deepEqual(await shown(alexBrowser), { owner: alex.accountId, labels: ["Lamp of Alex' house"] });
	assert.equal((await choose(stack, alexBrowser, page, "here")).status, 303);
	assert.deepEqual(await shown(alexBrowser), { owner: alex.accountId, labels: ["Lamp of Alex' house", "Lamp of Sam's flat"] });

	const samBrowser = await linkAccount(stack, { location: sam.locationId });

	assert.deepEqual(await shown(samBrowser), { owner: sam.accountId, labels: ["Lamp of Sam's flat"] });
	// In Alex' browser again: nothing is asked, and Alex stays signed in.
	await linkAccount(stack, { location: sam.locationId, jar: alexBrowser });
	assert.equal((await shown(alexBrowser)).owner, alex.accountId);
	secrets.push(sessionOf(alexBrowser), sessionOf(samBrowser));
});

test("the question can be answered by signing in as the owner, once and in the browser that was asked", async () => {
	const robin = await makePerson("Robin", "Robin's farm");
	const jar = await linkAccount(stack, { location: "Home" });
	const old = sessionOf(jar);
	const page = await asked(jar, { location: robin.locationId });
	const foreign = await linkAccount(stack, { location: (await makePerson("Eve", "Eve's hut")).locationId });

	assertPage(await choose(stack, foreign, page, "here"), 400, /out of date/);
	assertPage(await choose(stack, new CookieJar(), page, "owner"), 400, /out of date/);
	assert.equal((await choose(stack, jar, page, "neither")).status, 400);
	const answer = await choose(stack, jar, page, "owner");

	assert.equal(answer.status, 303);
	assert.equal(answer.location, `${stack.url}/`);
	assert.notEqual(sessionOf(jar), old);
	await stack.syncedInstallation("Robin's farm");
	assert.deepEqual(await shown(jar), { owner: robin.accountId, labels: ["Lamp of Robin's farm"] });
	assert.equal(await stack.psql(`SELECT count(*) FROM session WHERE session_hash = sha256('${old}')`), "0");
	assertPage(await choose(stack, jar, page, "here"), 400, /out of date/);
	secrets.push(old, sessionOf(jar));
});

test("two owners of one installation are two people who both see it", async () => {
	const kim = await makePerson("Kim", "Shared house");
	const { accountId } = await stack.control("POST", "accounts", { name: "Lee", shares: [kim.locationId], locations: [] });
	const first = await linkAccount(stack, { location: kim.locationId });

	await stack.syncedInstallation("Shared house");
	const second = await linkAccount(stack, { location: kim.locationId, account: accountId });

	assert.deepEqual(await shown(first), { owner: kim.accountId, labels: ["Lamp of Shared house"] });
	assert.deepEqual(await shown(second), { owner: accountId, labels: ["Lamp of Shared house"] });
	assert.equal(await stack.psql(`SELECT count(*) FROM installation WHERE location_name = 'Shared house'`), "1");
});

test("two tabs of one browser can both finish, in any order", async () => {
	const jar = new CookieJar();
	const first = await allowed({ location: "Home", jar });
	const second = await allowed({ location: "Lake cabin", jar });
	// The first tab to finish deletes the cookie; the other one had sent its request with it.
	const browserCookie = jar.cookies(stack.url).oauth_browser;

	assert.equal((await stack.request(second.callback, { jar })).status, 303);
	jar.set(stack.url, "oauth_browser", browserCookie);
	assert.equal((await stack.request(first.callback, { jar })).status, 303);
});

test("a state works once", async () => {
	const { jar, callback: url } = await allowed({ location: "Home" });
	const browserCookie = jar.cookies(stack.url).oauth_browser;

	assert.equal((await stack.request(url, { jar })).status, 303);
	jar.set(stack.url, "oauth_browser", browserCookie);
	const before = await counts();

	assertPage(await stack.request(url, { jar }), 400, /not started in this browser/);
	assert.deepEqual(await counts(), before);
	assert.equal(await exchanges(), 1);
});

test("a state works only in the browser that it was made for, and other browsers do not use it up", async () => {
	const { jar, callback: url } = await allowed({ location: "Home" });
	const { jar: foreign } = await begun();

	assertPage(await stack.request(url), 400, /not started in this browser/);
	assertPage(await stack.request(url, { jar: foreign }), 400, /not started in this browser/);
	assert.equal(await exchanges(), 0);
	assert.equal((await stack.request(url, { jar })).status, 303);
});

test("a state expires after ten minutes", async () => {
	const { jar, callback: url } = await allowed({ location: "Home" });

	assert.equal(await stack.psql(
		"SELECT bool_and(expires_at - created_at = interval '10 minutes') FROM oauth_state"), "t");
	await stack.psql("UPDATE oauth_state SET expires_at = now()");
	assertPage(await stack.request(url, { jar }), 400, /more than ten minutes ago/);
	assert.equal(await exchanges(), 0);
});

test("a state that is missing, unknown, sent twice or garbled is refused", async () => {
	const { jar, state } = await begun();

	for (const query of ["", "code=x", "code=x&state=", "code=x&state=unknown", "error=access_denied",
		`code=x&state=${state}&state=${state}`, `code=x&state=${state}%00`, `code=x&state=${state}%zz`,
		`code=x&state=${state}&state=other`])
		assertPage(await stack.request(`/oauth/callback?${query}`, { jar }), 400, /Nothing was linked/);
	assert.equal(await exchanges(), 0);
	// The state is still valid.
	assertPage(await callback(jar, { state, error: "access_denied" }), 403, /You declined/);
});

test("declining shows a page that says so, and uses up the state", async () => {
	const { jar, callback: url } = await consent(stack, { location: "Home", decision: "deny" });

	assert.match(url, /error=access_denied/);
	assertPage(await stack.request(url, { jar }), 403, /You declined/);
	assertPage(await stack.request(url, { jar }), 400, /not started in this browser/);
	assert.equal(await exchanges(), 0);
});

const REPORTED = {
	max_installs_exceeded: [502, /This Switchboard is full/, /remove Switchboard from them in the SmartThings app/],
	invalid_scope: [502, /a permission it may not have/, /SWITCHBOARD_SCOPES/],
	unauthorized_client: [502, /not set up correctly/, /SWITCHBOARD_CLIENT_ID and SWITCHBOARD_PUBLIC_URL/],
	invalid_request: [502, /not set up correctly/, /\/oauth\/callback/],
	temporarily_unavailable: [502, /could not finish/, /Wait a few minutes/],
	server_error: [502, /could not finish/, /Wait a few minutes/],
	something_else: [502, /could not finish/, /for who runs this Switchboard/],
};

for (const [consentError, [status, title, advice]] of Object.entries(REPORTED)) {
	test(`${consentError} at the consent shows the platform's words and what to do`, async () => {
		const before = await counts();

		await stack.control("POST", "settings", { consentError });
		try {
			const { jar, callback: url } = await consent(stack, { location: "Home" });
			const answer = await stack.request(url, { jar });

			assert.equal(new URL(url).searchParams.get("error"), consentError);
			assertPage(answer, status, title);
			assert.match(answer.text, advice);
			assert.match(answer.text, /Nothing was linked/);
			assert.match(answer.text, /SmartThings said: <q>This was asked for by the test\.<\/q>/);
		} finally {
			await stack.control("POST", "settings", { consentError: "ok" });
		}
		assert.deepEqual(await counts(), before);
		assert.equal(await exchanges(), 0);
	});
}

test("an error without a description shows its name", async () => {
	const { jar, state } = await begun();

	assertPage(await callback(jar, { state, error: "max_installs_exceeded" }), 502, /SmartThings said: <q>max_installs_exceeded<\/q>/);
});

test("another error shows the platform's text, escaped and shortened", async () => {
	const { jar, state } = await begun();
	const answer = await callback(jar, {
		state,
		error: "another_error",
		error_description: `<script>alert(1)</script>"'&${"é".repeat(300)}END`,
	});

	assertPage(answer, 502, /could not finish/);
	assert.match(answer.text, /&lt;script&gt;alert\(1\)&lt;\/script&gt;&quot;&#39;&amp;é/);
	assert.doesNotMatch(answer.text, /END|\uFFFD/);
	assert.equal(await exchanges(), 0);
});

test("a callback without exactly one code is refused", async () => {
	for (const rest of ["", "&code=", "&code=a&code=b", `&code=${"x".repeat(7000)}&code=`]) {
		const { jar, state } = await begun();

		assertPage(await stack.request(`/oauth/callback?state=${state}${rest}`, { jar }), 400, /Nothing was linked/);
	}
	assert.equal(await exchanges(), 0);
});

test("a code that the platform refuses gets an error page and no session", async () => {
	const { jar, state } = await begun();
	const before = await counts();

	assertPage(await callback(jar, { state, code: "wrong" }), 400, /no longer accepts/);
	assert.deepEqual(await counts(), before);
	assert.equal(await exchanges(), 1);
});

for (const { name, fault, status, words } of [
	{ name: "fails", fault: { action: "status", status: 500 }, status: 502, words: /could not be used/ },
	{ name: "is too busy", fault: { action: "status", status: 429, retryAfter: 1 }, status: 503, words: /cannot be reached/ },
	{ name: "refuses our client", fault: { action: "status", status: 401 }, status: 502, words: /client id and secret/ },
	{ name: "breaks off", fault: { action: "cut" }, status: 503, words: /cannot be reached/ },
	{ name: "does not answer", fault: { action: "hang" }, status: 504, words: /did not answer in time/ },
]) {
	test(`when the platform ${name} in the exchange, a page says so after one attempt`, async () => {
		const { jar, callback: url } = await allowed({ location: "Home" });
		const before = await counts();

		await stack.control("POST", "faults", { path: "/oauth/token", count: 5, ...fault });
		// The program answers before nginx' own limit of 10 s, which has another page.
		assertPage(await stack.request(url, { jar }), status, words);
		assert.deepEqual(await counts(), before);
		assert.equal(await exchanges(), 1);
	});
}

test("an exchange that takes two seconds succeeds", async () => {
	const { jar, callback: url } = await allowed({ location: "Home" });

	await stack.control("POST", "faults", { path: "/oauth/token", action: "slow", delayMs: 2000 });
	assert.equal((await stack.request(url, { jar })).status, 303);
});

test("a token reply without the optional members, and with long tokens, is accepted", async () => {
	await stack.control("POST", "accounts", { name: "Quiet", locations: [{ name: "Attic", devices: [] }] });
	await stack.control("POST", "settings", { omitOwner: true, tokenLength: 8000 });
	try {
		const jar = await linkAccount(stack, { location: "Attic" });

		assert.equal(await stack.psql(`SELECT octet_length(access_sealed) > 8000 FROM token t
			JOIN installation i USING (installation_id) ORDER BY i.linked_at DESC LIMIT 1`), "t");
		assert.equal(await stack.psql(`SELECT u.owner_id = i.owner_id FROM session JOIN user_account u USING (user_id),
			installation i WHERE session_hash = sha256('${sessionOf(jar)}') ORDER BY i.linked_at DESC LIMIT 1`), "t");
		const { byEndpoint } = await stack.control("GET", "calls");

		assert.ok(byEndpoint["GET /installedapps/{id}"] >= 1, "the owner is asked for");
	} finally {
		await stack.control("POST", "settings", { omitOwner: false, tokenLength: 36 });
	}
});

test("an owner who is no person, or cannot be asked for, is nobody: nothing is linked", async () => {
	const before = await counts();

	await stack.control("POST", "settings", { omitOwner: true, systemOwner: true });
	try {
		const { locationId } = await makePerson("Nobody", "Nobody's land");
		const { jar, callback: url } = await allowed({ location: locationId });

		assertPage(await stack.request(url, { jar }), 502, /does not say which Samsung account/);
		await stack.control("POST", "settings", { systemOwner: false });
		const again = await allowed({ location: locationId });

		await stack.control("POST", "faults", { method: "GET", path: "/installedapps/", count: 2, action: "status", status: 500 });
		assertPage(await stack.request(again.callback, { jar: again.jar }), 502, /could not be used/);
		assert.deepEqual(await counts(), before);
	} finally {
		await stack.control("POST", "settings", { omitOwner: false, systemOwner: false });
	}
});

test("a browser whose user agent is not UTF-8 can sign in", async () => {
	const { jar, callback: url } = await allowed({ location: "Home" });

	assert.equal((await stack.request(url, { jar, headers: { "User-Agent": "b\u00e4\u00ff" } })).status, 303);
});

test("other methods are answered 405 with Allow", async () => {
	for (const where of ["/oauth/start", "/oauth/callback?state=x&code=y"]) {
		for (const method of ["POST", "HEAD", "PUT"]) {
			const answer = await stack.request(where, { method, body: method === "HEAD" ? undefined : "a=b" });

			assert.equal(answer.status, 405, `${method} ${where}`);
			assert.equal(answer.headers.allow, "GET");
		}
	}
	assert.equal((await stack.request("/oauth/choose")).status, 405);
});

test("no code, state, cookie or client secret is in a log", async () => {
	for (const name of ["oauth", "nginx", "access", "error"]) {
		let text = "";

		try {
			text = stack.log(name);
		} catch {
			continue;
		}
		for (const secret of secrets.filter((each) => each && each.length > 3))
			assert.equal(text.includes(secret), false, `${name}.log`);
	}
	assert.ok(secrets.length > 5);
});
