// Line breaks, SQL, markup, addresses and paths in every parameter, and in every name that comes from the
// platform: they are text everywhere.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CookieJar, consent, unescapeHtml } from "../stack.mjs";
import { attackPage } from "./hostile.mjs";
import { openStream } from "./stream.mjs";

const target = attackPage();
const request = (where, options) => target.stack.request(where, options);

const KINDS = {
	"line breaks": ["\r\nSet-Cookie: evil=1\r\n\r\n<script>alert(1)</script>", "x\nlevel=error event=forged", "x\rX-Evil: 1",
		"\u2028X-Evil: 1", "x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"],
	"SQL": ["' OR '1'='1", "'; DROP TABLE switchboard.event; --", "\\'; SELECT pg_sleep(9); --", "\" OR \"\"=\"", "%' --", "$1", "$$;$$",
		"1 UNION SELECT session_hash FROM switchboard.session", "{\"$ne\":1}", "); TRUNCATE switchboard.switch; --"],
	"markup": ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)", "</title><script>alert(1)</script>",
		"{{7*7}}${7*7}<%= 7*7 %>", "<!--#exec cmd=\"id\"-->", "&lt;script&gt;", "javascript:alert(1)"],
	"addresses": ["//evil.example", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "/../../../..//evil.example", "https:evil.example"],
	"paths and formats": ["../../../../etc/passwd", "/etc/passwd\0", "%s%n%x%p", "%00", "${jndi:ldap://evil.example/}", "`id`", "$(id)", "|id", ";id"],
};

/** Assert what holds for the answer to any request. */
function assertHarmless(answer, what) {
	assert.ok(answer.status < 500 || answer.status === 502, `${what}: ${answer.status} ${answer.text.slice(0, 200)}`);
	assert.equal(answer.headers["x-evil"], undefined, what);
	assert.ok(!answer.setCookies.some((line) => /^evil/.test(line)), what);
	assert.ok(answer.location === undefined || [target.url, target.stack.simulatorUrl].includes(new URL(answer.location).origin), what);
	assert.equal(answer.headers["x-content-type-options"] ?? "nosniff", "nosniff");
	if (/html/.test(answer.headers["content-type"] ?? ""))
		assertEscaped(answer.text, what);
	assert.doesNotMatch(answer.text, /root:x:0|uid=0|syntax error|psql|PG::|42601/, what);
}

/** Assert that a page has no tag or attribute but those of its template. */
function assertEscaped(html, what) {
	for (const [tag] of html.matchAll(/<[^>]*>?/g)) {
		assert.match(tag, /^<(!doctype html|\/?[a-z][a-z0-9]*(\s+[a-z][a-z-]*(="[^"<>]*")?)*)\s*>$/i, `${what}: ${tag}`);
		assert.doesNotMatch(tag.replace(/="[^"]*"/g, ""), /\son[a-z]+\b|\sstyle\b|^<(iframe|object|embed|base|style|svg)\b/i, `${what}: ${tag}`);
		for (const [, where] of tag.matchAll(/\s(?:src|href|action)="([^"]*)"/gi))
			assert.match(where, /^\/(?![/\\])/, `${what}: ${tag}`);
	}
	assert.doesNotMatch(html, /<script(?![^>]*\ssrc="\/static\/)/, what);
}

// ---- every parameter ----

const own = (options) => ({ jar: target.alex, ...options });
const query = (where, name) => (text) => request(`${where}${encodeURIComponent(text)}`, own({}))
	.then((answer) => ({ ...answer, name }));
const form = (where, fields) => (text) => request(typeof where === "function" ? where() : where,
	own({ form: { csrf: target.token, ...fields(text) } }));
const json = (where, fields) => (text) => target.api(typeof where === "function" ? where() : where, fields(text));
const lamp = (prefix) => () => `${prefix}/${target.lamp.deviceId}/main`;

// name: [how it is sent, status of a text, status of a text that cannot be read (a form then has no readable
// CSRF token, and nginx refuses a path that leaves the root)]
const PARAMETERS = {
	"deviceId of the history": [query("/api/history?deviceId="), 404, 400],
	"component of the history": [(text) => query(`/api/history?deviceId=${target.lamp.deviceId}&component=`)(text), 404, 400],
	"hours of the history": [(text) => query(`/api/history?deviceId=${target.lamp.deviceId}&hours=`)(text), 400, 400],
	"a parameter of the page that is unknown": [query("/?next="), 200, 200],
	"a parameter of the history that is unknown": [(text) => query(`/api/history?deviceId=${target.lamp.deviceId}&x=`)(text), 200, 400],
	"the version of a file": [query("/static/switchboard.css?v="), 200, 200],
	"installation of the disconnect": [query("/disconnect?installation="), 404, 400],
	"an error of the callback without a state": [query("/oauth/callback?error="), 400, 400],
	"a code without a state": [query("/oauth/callback?code="), 400, 400],
	"a state": [query("/oauth/callback?code=x&state="), 400, 400],
	"where to go after the sign-in": [query("/oauth/start?next="), 302, 302],
	"command of a form": [form(lamp("/switches"), (command) => ({ command })), 400, 403],
	"level of a form": [form(lamp("/switches"), (level) => ({ command: "setLevel", level })), 400, 403],
	"room of a form": [form("/switches", (room) => ({ command: "on", room })), 404, 403],
	"installation of a form": [form("/switches", (installation) => ({ command: "on", installation })), 404, 403],
	"installation of a disconnect": [form("/disconnect", (installation) => ({ installation })), 404, 403],
	"session of a form": [form("/sessions/end", (session) => ({ session })), 404, 403],
	"csrf of a form": [(text) => request("/logout", own({ form: { csrf: text } })), 403, 403],
	"the name of a field": [form("/switches", (name) => ({ [name]: "x", command: "toggle" })), 400, 403],
	"command of a call": [json(lamp("/api/switches"), (command) => ({ command })), 400, 400],
	"level of a call": [json(lamp("/api/switches"), (level) => ({ command: "setLevel", level })), 400, 400],
	"room of a call": [json("/api/switches", (room) => ({ command: "on", room })), 404, 400],
	"installationId of a call": [json("/api/switches", (installationId) => ({ command: "on", installationId })), 404, 400],
	"the name of a member": [json("/api/switches", (name) => ({ command: "on", [name]: "x" })), 400, 400],
	"a device in the path": [(text) => target.api(`/api/switches/${encodeURIComponent(text)}/main`, { command: "on" }), 404, 400],
	"a component in the path": [(text) => target.api(`/api/switches/${target.lamp.deviceId}/${encodeURIComponent(text)}`, { command: "on" }), 404, 400],
	"a device in the path of a form": [(text) => form(`/switches/${encodeURIComponent(text)}/main`, () => ({ command: "on" }))(), 404, 400],
	"an address": [(text) => request(`/${encodeURIComponent(text)}`, own({})), 404, 400],
	"an address of the API": [(text) => request(`/api/${encodeURIComponent(text)}`, own({})), 404, 400],
};
const STATES = { "where to go after the sign-in": ["oauth_state"] };

/** A text that this parameter cannot carry. */
const isUnreadable = (parameter, text) => text.includes("\0") || (parameter === "the name of a field" && /[\x00-\x1f]/.test(text)) ||
	(/path|address/.test(parameter) && /^[./]+\.\.\//.test(text));

for (const [parameter, [send, status, otherwise]] of Object.entries(PARAMETERS)) {
	for (const [kind, texts] of Object.entries(KINDS)) {
		target.survives(`${kind} in ${parameter}: ${status}`, async () => {
			for (const text of texts) {
				const answer = await send(text);

				assert.equal(answer.status, isUnreadable(parameter, text) ? otherwise : status, `${JSON.stringify(text)}: ${answer.text.slice(0, 200)}`);
				assertHarmless(answer, text);
			}
		}, { changes: STATES[parameter] });
	}
}

// A header can carry all of these but line breaks.
for (const [header, where, status] of [["Cookie", "/api/switches", 401], ["X-CSRF-Token", "/logout", 403], ["User-Agent", "/", 200],
	["Accept", "/nothing", 404], ["Referer", "/", 200], ["Origin", "/api/switches", 200], ["X-Forwarded-For", "/", 200], ["Accept-Language", "/", 200]]) {
	target.survives(`SQL, markup and addresses in the header ${header}: ${status}`, async () => {
		for (const text of [...KINDS.SQL, ...KINDS.markup, ...KINDS.addresses, ...KINDS["paths and formats"]].filter((each) => !each.includes("\0"))) {
			const answer = await request(where, { ...(header === "Cookie" ? {} : { jar: target.alex }), method: where === "/logout" ? "POST" : "GET",
				headers: { [header]: header === "Cookie" ? `session=${text}` : text } });

			assert.equal(answer.status, status, text);
			assertHarmless(answer, text);
		}
	});
}

target.survives("line breaks in parameters have not begun a new line in any log", async () => {
	for (const name of ["oauth", "webhook", "dashboard", "events", "worker", "access"])
		assert.doesNotMatch(target.stack.log(name), /^(level=error )?event=forged|^level=error event=forged|^Set-Cookie: evil|^X-Evil/m, name);
});

target.survives("the platform's error texts of a refused sign-in are escaped", async () => {
	for (const text of Object.values(KINDS).flat().filter((each) => !each.includes("\0"))) {
		for (const fields of [{ error: text }, { error: "server_error", error_description: text }, { error: "access_denied", error_description: text }]) {
			const jar = new CookieJar();
			const start = await request("/oauth/start", { jar });
			const state = new URL(start.location).searchParams.get("state");
			const answer = await request(`/oauth/callback?${new URLSearchParams({ state, ...fields })}`, { jar });

			assert.equal(answer.status, fields.error === "access_denied" ? 403 : 502, text);
			assertHarmless(answer, text);
		}
	}
});

test("a code with line breaks, markup or SQL gets an error page", async () => {
	for (const text of [...KINDS["line breaks"].slice(0, 1), ...KINDS.markup.slice(0, 1), ...KINDS.SQL.slice(0, 1)]) {
		const jar = new CookieJar();
		const start = await request("/oauth/start", { jar });
		const state = new URL(start.location).searchParams.get("state");
		const answer = await request(`/oauth/callback?${new URLSearchParams({ state, code: text })}`, { jar });

		assert.equal(answer.status, 400, text);
		assertHarmless(answer, text);
	}
	await target.good();
});

// ---- every name that comes from the platform ----

const NAMES = [
	...KINDS.markup, ...KINDS.SQL.slice(0, 3), ...KINDS["line breaks"], "</button></form><form action=//evil.example>", "\u202eevil", "é\u0301".repeat(40),
	"&amp;&quot;&#39;", "<svg/onload=alert(1)>", "'\"`=<>/\\",
];

NAMES.forEach((name, number) => {
	test(`a location, room, device, component and browser called ${JSON.stringify(name).slice(0, 60)} are text everywhere`, async () => {
		const location = `${number} ${name}`;
		const label = `label ${name}`;
		const room = `room ${name}`;

		await target.stack.control("POST", "accounts", { name: `person ${name}`, locations: [{
			name: location, rooms: [room],
			devices: [{ name: `device ${name}`, label, room, components: [
				{ id: "main", capabilities: ["switch"] }, { id: "outlet2", label: `component ${name}`, capabilities: ["switch"] }] }],
		}] });
		const { locations } = await target.stack.control("GET", "state");
		const { jar, callback } = await consent(target.stack, { location: locations.find((each) => each.name === location).locationId });
		const agent = Buffer.from(name).toString("latin1").replace(/[\x00-\x1f\x7f]/g, " ");

		assert.equal((await request(callback, { jar, headers: { "User-Agent": agent } })).status, 303);
		await target.synced(location);
		const list = await request("/api/switches", { jar });
		const stream = await openStream(target.stack, { jar });

		assert.equal(list.headers["content-type"], "application/json");
		assertHarmless(list, "the list");
		assert.equal(list.json().switches.length, 2);
		for (const row of list.json().switches) {
			assert.equal(row.location, location);
			assert.equal(row.room, room);
			assert.ok(row.label.startsWith(label), row.label);
		}
		try {
			await stream.next(({ event, data }) => event === "switch" && data.room === room && data.label.startsWith(label));
			assert.ok(stream.events.every(({ event }) => ["switch", "sync", "command", "installation"].includes(event)));
		} finally {
			stream.close();
		}
		for (const where of ["/", "/disconnect", "/sessions", "/no/such/page"]) {
			const page = await request(where, { jar });

			assert.equal(page.status, where === "/no/such/page" ? 404 : 200);
			assertHarmless(page, `${where} with ${name}`);
			if (where === "/")
				for (const text of [location, room, label])
					assert.ok(unescapeHtml(page.text).includes(text), `${text} on the page`);
		}
		assert.doesNotMatch(target.stack.log("worker") + target.stack.log("dashboard"), /^level=error event=forged|^X-Evil/m);
		await target.good();
	});
});

test("no program was restarted, and none logged a failure", () => target.assertUnharmed());
