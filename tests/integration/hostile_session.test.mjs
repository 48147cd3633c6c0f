// Requests without a valid CSRF token or session, with another user's ids, or with a replayed sign-in.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CookieJar, consent, csrfToken, linkAccount, waitFor } from "../stack.mjs";
import { attackPage } from "./hostile.mjs";
import { Stream } from "./stream.mjs";

const target = attackPage();
const request = (where, options) => target.stack.request(where, options);

// ---- every form and call that changes something, without the token of this session ----

const FORMS = {
	"/switches/DEVICE/main": { command: "on" },
	"/switches": { command: "on" },
	"/logout": {},
	"/disconnect": {},
	"/sessions/end": { session: "x" },
	"/sessions/end-others": {},
	"/invitations": {},
	"/invitations/withdraw": { invitation: "x" },
};
const CALLS = {
	"/api/switches/DEVICE/main": { command: "on" },
	"/api/switches": { command: "on" },
};
const at = (where) => where.replace("DEVICE", target.lamp.deviceId);
const formOf = (fields) => new URLSearchParams(fields).toString();
const multipart = (fields) => Object.entries(fields).map(([name, value]) =>
	`--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`).join("") + "--x--\r\n";
const sams = () => csrfToken(target.stack, target.sam);

// What is sent instead of the token: request options made from the correct fields.
const FORM_TOKENS = {
	"none": (form) => ({ form }),
	"an empty one": (form) => ({ form: { ...form, csrf: "" } }),
	"another's": async (form) => ({ form: { ...form, csrf: await sams() } }),
	"one cut short": (form) => ({ form: { ...form, csrf: target.token.slice(0, -1) } }),
	"one too long": (form) => ({ form: { ...form, csrf: `${target.token}A` } }),
	"one in another case": (form) => ({ form: { ...form, csrf: target.token.toLowerCase() } }),
	"one twice": (form) => ({ body: `${formOf(form)}&csrf=${target.token}&csrf=${target.token}` }),
	"one of another name": (form) => ({ form: { ...form, CSRF: target.token, "csrf-token": target.token } }),
	"one in the address": (form) => ({ form, query: `?csrf=${target.token}` }),
	"one in the header twice": (form) => ({ form, headers: { "X-CSRF-Token": [target.token, target.token] } }),
	"an empty header before a good field": (form) => ({ form: { ...form, csrf: target.token }, headers: { "X-CSRF-Token": "" } }),
	"one in a text/plain form": (form) => ({ body: formOf({ ...form, csrf: target.token }), headers: { "Content-Type": "text/plain" } }),
	"one in a form of parts": (form) => ({ body: multipart({ ...form, csrf: target.token }),
		headers: { "Content-Type": "multipart/form-data; boundary=x" } }),
	"one in a broken form": (form) => ({ body: `csrf=${target.token}&x=%zz&${formOf(form)}` }),
	"one in JSON with the content type text/plain": (form) => ({ body: JSON.stringify({ ...form, csrf: target.token }),
		headers: { "Content-Type": "text/plain" } }),
	"one in JSON with a number": (form) => ({ body: JSON.stringify({ ...form, csrf: 1 }), headers: { "Content-Type": "application/json" } }),
};
const CALL_TOKENS = {
	"none": (json) => ({ json }),
	"an empty one": (json) => ({ json, headers: { "X-CSRF-Token": "" } }),
	"another's": async (json) => ({ json, headers: { "X-CSRF-Token": await sams() } }),
	"one cut short": (json) => ({ json, headers: { "X-CSRF-Token": target.token.slice(1) } }),
	"one too long": (json) => ({ json, headers: { "X-CSRF-Token": `${target.token}A` } }),
	"one twice": (json) => ({ json, headers: { "X-CSRF-Token": [target.token, target.token] } }),
	"one in the body": (json) => ({ json: { ...json, csrf: target.token } }),
	"one in a form": (json) => ({ form: { ...json, csrf: target.token } }),
	"one in the address": (json) => ({ json, query: `?csrf=${target.token}` }),
	"one in a cookie": (json) => ({ json, headers: { Cookie: `${target.alex.header(target.url)}; csrf=${target.token}; X-CSRF-Token=${target.token}` } }),
	"the session's cookie": (json) => ({ json, headers: { "X-CSRF-Token": target.alex.cookies(target.url).session } }),
};

for (const [places, tokens, type] of [[FORMS, FORM_TOKENS, "application/x-www-form-urlencoded"], [CALLS, CALL_TOKENS, "application/json"]]) {
	for (const [where, fields] of Object.entries(places)) {
		for (const [name, make] of Object.entries(tokens)) {
			target.survives(`POST ${where} with ${name} for a token: 403`, async () => {
				const { query = "", headers, ...options } = await make(fields);
				const answer = await request(at(where) + query,
					{ method: "POST", jar: target.alex, headers: { "Content-Type": type, Origin: "https://evil.example", ...headers }, ...options });

				assert.equal(answer.status, 403, answer.text.slice(0, 200));
				assert.deepEqual(answer.setCookies, []);
				assert.equal(answer.location, undefined);
			});
		}
	}
}

// ---- invalid sessions ----

const SESSIONS = {
	"none": () => undefined,
	"an empty one": () => "",
	"one of the right form": () => "A".repeat(43),
	"one with a letter changed": (own) => (own[0] === "A" ? "B" : "A") + own.slice(1),
	"one cut short": (own) => own.slice(0, -1),
	"one too long": (own) => `${own}A`,
	"its hash": async (own) => target.stack.psql(`SELECT encode(sha256('${own}'), 'hex')`),
	"one in quotes": (own) => `"${own}"`,
	"one in escapes": (own) => `%${own.charCodeAt(0).toString(16)}${own.slice(1)}`,
	"a wrong one before a good one": (own) => `x; session=${own}`,
	"one with SQL": () => "' OR '1'='1' --",
	"one of 8 KB": () => "A".repeat(8192),
};

for (const [name, make] of Object.entries(SESSIONS)) {
	target.survives(`with ${name} for a session cookie every address is 401`, async () => {
		const value = await make(target.alex.cookies(target.url).session);
		const headers = { "X-CSRF-Token": target.token, ...(value !== undefined && { Cookie: `session=${value}` }) };

		for (const where of ["/api/switches", "/api/history?deviceId=x", "/disconnect", "/sessions", "/events"])
			assert.equal((await request(where, { headers })).status, 401, where);
		for (const [where, fields] of Object.entries(FORMS))
			assert.equal((await request(at(where), { headers, form: { ...fields, csrf: target.token } })).status, 401, where);
		for (const [where, json] of Object.entries(CALLS))
			assert.equal((await request(at(where), { headers, json })).status, 401, where);
		const page = await request("/", { headers });

		assert.equal(page.status, 200);
		assert.doesNotMatch(page.text, /role="switch"|csrf/);
	});
}

// ---- another user's ids ----

const id = () => target.theirs.deviceId;
const flat = () => target.flat;
const FOREIGN = {
	"a switch": () => target.api(`/api/switches/${id()}/main`, { command: "on" }),
	"a switch, in capitals": () => target.api(`/api/switches/${id().toUpperCase()}/main`, { command: "on" }),
	"a switch, in escapes": () => target.api(`/api/switches/%${id().charCodeAt(0).toString(16)}${id().slice(1)}/main`, { command: "on" }),
	"a level": () => target.api(`/api/switches/${id()}/main`, { command: "setLevel", level: 1 }),
	"a location": () => target.api("/api/switches", { command: "on", installationId: flat() }),
	"a room": () => target.api("/api/switches", { command: "on", room: "Study" }),
	"a room of theirs in a location of ours": () => target.api("/api/switches", { command: "on", room: "Study", installationId: target.installation }),
	"a room of ours in a location of theirs": () => target.api("/api/switches", { command: "on", room: "Hall", installationId: flat() }),
	"their history": () => request(`/api/history?deviceId=${id()}`, { jar: target.alex }),
	"their history of a week": () => request(`/api/history?deviceId=${id()}&component=main&hours=168`, { jar: target.alex }),
	"a switch, by form": () => request(`/switches/${id()}/main`, { jar: target.alex, form: { command: "on", csrf: target.token } }),
	"a location, by form": () => request("/switches", { jar: target.alex, form: { command: "on", installation: flat(), csrf: target.token } }),
	"a room, by form": () => request("/switches", { jar: target.alex, form: { command: "on", room: "Study", csrf: target.token } }),
	"the question before a disconnect": () => request(`/disconnect?installation=${flat()}`, { jar: target.alex }),
	"a disconnect": () => request("/disconnect", { jar: target.alex, form: { installation: flat(), csrf: target.token } }),
	"a disconnect by JSON": () => target.api("/disconnect", { installationId: flat() }),
	"a device for a location": () => target.api("/disconnect", { installation: id() }),
};

for (const [name, attack] of Object.entries(FOREIGN)) {
	target.survives(`another user's ids: ${name}: 404`, async () => {
		const answer = await attack();

		assert.equal(answer.status, 404, answer.text.slice(0, 200));
		assert.doesNotMatch(answer.text, /Desk lamp|Study|Flat/);
	});
}

target.survives("another user's session cannot be ended or seen", async () => {
	const theirs = await target.stack.psql(`SELECT public_id FROM session
		WHERE session_hash = sha256('${target.sam.cookies(target.url).session}')`);

	assert.match(theirs, /^[0-9a-f-]{36}$/);
	for (const which of [theirs, theirs.toUpperCase(), "0", "-1", "' OR '1'='1", "%", "*", `${theirs}' --`, ""])
		assert.equal((await request("/sessions/end", { jar: target.alex, form: { session: which, csrf: target.token } })).status, 404, which);
	assert.ok(!(await request("/sessions", { jar: target.alex })).text.includes(theirs));
	assert.equal((await request("/api/switches", { jar: target.sam })).status, 200);
});

for (const [name, wrong] of Object.entries({
	"a location that is a number": { installation: 5 }, "a location that is null": { installation: null },
	"a location that is a list": { installationId: [] }, "a list": ["installation"], "a text": "installation",
})) {
	target.survives(`a disconnect by JSON of ${name}: 400, although there is only one location`, async () => {
		assert.equal((await target.api("/disconnect", wrong)).status, 400);
	});
}

// ---- cursors ----

const CURSORS = {
	"theirs": () => `${flat()}:1`,
	"theirs from zero": () => `${flat()}:0`,
	"theirs twice": () => `${flat()}:1,${flat()}:1`,
	"theirs and rubbish": () => `${flat()}:1,x`,
	"all there are": () => "*:0",
	"SQL": () => "x' OR '1'='1:0",
	"SQL behind a comma": () => `${flat()}:1,'); SELECT 1; --:1`,
	"a number beyond 64 bits": () => `${target.installation}:99999999999999999999`,
	"a number below zero": () => `${target.installation}:-1`,
	"a sequence to come": () => `${target.installation}:999999999999999999`,
	"line breaks": () => `${flat()}:1\r\n\r\nevent: bye\r\ndata: {}\r\n\r\n`,
	"a NUL": () => `${target.installation}:1\0`,
	"4 KB": () => `${flat()}:1,`.repeat(100),
};

for (const [name, make] of Object.entries(CURSORS)) {
	target.survives(`a stream with a cursor of ${name} sends all switches of its user, and no others`, async () => {
		const cursor = make();
		const options = /[\r\n\0]/.test(cursor) ? [{ cursor }] : [{ cursor }, { lastEventId: cursor }];

		for (const option of options) {
			const stream = await new Stream(target.url, { jar: target.alex, ...option }).opened;

			try {
				if (cursor.includes("\0") && stream.status === 400)
					continue;
				assert.equal(stream.status, 200);
				await waitFor(() => stream.of("switch").length >= 12, { what: "all switches" });
				assert.deepEqual(stream.of("bye"), []);
				assert.ok(stream.events.every(({ data }) => data.installationId === target.installation));
				assert.ok(!stream.text.includes(flat()));
			} finally {
				stream.close();
			}
		}
	});
}

// ---- sign-in: fixation, replay ----

target.survives("an authorization that was started in another browser is 400 in this one", async () => {
	const { callback } = await consent(target.stack, { location: "Flat" });

	for (const jar of [undefined, new CookieJar(), target.alex])
		assert.equal((await request(callback, { jar })).status, 400);
	const victim = new CookieJar();

	await request("/oauth/start", { jar: victim });
	assert.equal((await request(callback, { jar: victim })).status, 400);
	assert.equal(victim.cookies(target.url).session, undefined);
}, { changes: ["oauth_state"] });

target.survives("an invented or malformed state is 400", async () => {
	const jar = new CookieJar();

	await request("/oauth/start", { jar });
	for (const state of ["", "A".repeat(43), "x", "' OR '1'='1", "%00", "A".repeat(8000), "\r\nSet-Cookie: session=x"]) {
		const answer = await request(`/oauth/callback?code=x&state=${state === "%00" ? state : encodeURIComponent(state)}`, { jar });

		assert.equal(answer.status, 400, state.slice(0, 20));
		assert.ok(!answer.setCookies.some((line) => /^session=[^;]/.test(line)));
	}
}, { changes: ["oauth_state"] });

test("a session cookie that was planted before the sign-in is replaced, and is 401", async () => {
	const jar = new CookieJar();
	const planted = "P".repeat(43);

	jar.set(target.url, "session", planted);
	await linkAccount(target.stack, { location: "Home", jar });
	assert.notEqual(jar.cookies(target.url).session, planted);
	const attacker = new CookieJar();

	attacker.set(target.url, "session", planted);
	assert.equal((await request("/api/switches", { jar: attacker })).status, 401);
	assert.equal((await request("/api/switches", { jar })).status, 200);
	await target.good();
});

test("a new sign-in ends the browser's old session and its CSRF token", async () => {
	const jar = await linkAccount(target.stack, { location: "Home" });
	const old = new CookieJar();
	const token = await csrfToken(target.stack, jar);

	old.set(target.url, "session", jar.cookies(target.url).session);
	await linkAccount(target.stack, { location: "Home", jar });
	assert.equal((await request("/api/switches", { jar: old })).status, 401);
	assert.equal((await request("/logout", { jar, form: { csrf: token } })).status, 403);
	await target.good();
});

test("after signing out the cookie and the CSRF token are 401 everywhere", async () => {
	const jar = await linkAccount(target.stack, { location: "Home" });
	const oldJar = new CookieJar();
	const token = await csrfToken(target.stack, jar);

	oldJar.set(target.url, "session", jar.cookies(target.url).session);
	assert.equal((await request("/logout", { jar, form: { csrf: token } })).status, 303);
	await target.synced("Home");
	await target.untilIdle();
	const before = await target.digests.read();

	for (const [where, fields] of Object.entries(FORMS))
		assert.equal((await request(at(where), { jar: oldJar, form: { ...fields, csrf: token } })).status, 401, where);
	for (const where of ["/api/switches", "/events", "/sessions", "/disconnect"])
		assert.equal((await request(where, { jar: oldJar })).status, 401, where);
	assert.deepEqual(await target.digests.read(), before);
	await target.good();
});

test("a callback that was used once is 400 the second time, in the same browser too", async () => {
	const { jar, callback } = await consent(target.stack, { location: "Home" });
	const mark = jar.cookies(target.url).oauth_browser;

	assert.equal((await request(callback, { jar })).status, 303);
	jar.set(target.url, "oauth_browser", mark);
	await target.synced("Home");
	await target.untilIdle();
	const before = await target.digests.read();

	for (let i = 0; i < 3; i++)
		assert.equal((await request(callback, { jar })).status, 400);
	assert.deepEqual(await target.digests.read(), before);
	await target.good();
});

test("no program was restarted, and none logged a failure", () => target.assertUnharmed());
