// dashboard.fcgi over HTTP: pages, API and forms, what is refused, and that a page makes no call to the platform.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CookieJar, SAM, csrfOf, csrfToken, linkAccount, startStack, unescapeHtml, waitFor } from "../stack.mjs";

const UNTIL_SYNCED = { timeoutMs: 30000, what: "the switches of a new link" };

let stack;
let alex; // cookies of the owner of "Home"
let sam; // cookies of the owner of "Flat"
let token; // Alex's CSRF token
let lamp; // switches of Alex
let dimmer;
let theirs; // a switch of Sam

const list = (jar) => stack.switches(jar);
const byLabel = (switches, label) => switches.find((item) => item.label === label);
const state = async (item) => byLabel(await list(alex), item.label).state;
const pathOf = (item) => `/api/switches/${item.deviceId}/${item.component}`;
const formOf = (item) => `/switches/${item.deviceId}/${item.component}`;

/** A browser's switches when none is pending. */
async function withoutPending(jar) {
	return waitFor(async () => {
		const switches = await list(jar);

		return switches.length > 0 && switches.every((item) => !item.pending) && switches;
	}, UNTIL_SYNCED);
}

/** POST as Alex with the CSRF token; "jar" and "csrf" replace them, csrf null sends none. */
function post(where, json, { jar = alex, csrf = token, ...options } = {}) {
	const headers = { ...(csrf !== null && { "X-CSRF-Token": csrf }), ...options.headers };

	return stack.request(where, { method: "POST", ...options, json, jar, headers });
}

function assertError(answer, status, code) {
	assert.equal(answer.status, status, answer.text.slice(0, 300));
	assert.match(answer.headers["content-type"], /^application\/json/);
	const { error } = answer.json();

	assert.equal(typeof error.message, "string");
	if (code)
		assert.equal(error.code, code);
}

before(async () => {
	stack = await startStack();
	await stack.control("POST", "accounts", SAM);
	alex = await linkAccount(stack, { location: "Home" });
	sam = await linkAccount(stack, { location: "Flat" });
	token = await csrfToken(stack, alex);
	const switches = await withoutPending(alex);

	lamp = byLabel(switches, "Hall light");
	dimmer = byLabel(switches, "Floor lamp");
	theirs = byLabel(await withoutPending(sam), "Desk lamp");
	assert.ok(lamp && dimmer && theirs);
	/* Without subscriptions the platform sends no events. */
	await waitFor(async () => (await stack.psql("SELECT count(*) FROM switchboard.subscription")) === "8",
		{ what: "the subscriptions of both installations" });
});

after(() => stack?.stop());

describe("signed out", () => {
	test("the page has a link to the sign-in", async () => {
		const page = await stack.request("/");

		assert.equal(page.status, 200);
		assert.match(page.text, /href="\/oauth\/start"/);
		assert.equal(csrfOf(page.text), null);
		assert.doesNotMatch(page.text, /role="switch"|<script/);
	});

	for (const [method, where] of [
		["GET", "/api/switches"], ["POST", "/api/switches"], ["POST", "/api/switches/a/main"], ["GET", "/api/history"],
	]) {
		test(`${method} ${where} answers 401 as JSON`, async () => {
			assertError(await stack.request(where, { method, ...(method === "POST" && { json: { command: "on" } }) }), 401);
		});
	}

	for (const [method, where] of [
		["POST", "/switches"], ["POST", "/switches/a/main"], ["POST", "/logout"], ["GET", "/disconnect"], ["POST", "/disconnect"],
	]) {
		test(`${method} ${where} answers 401 with a page that links to the sign-in`, async () => {
			const answer = await stack.request(where, { method, ...(method === "POST" && { form: { command: "on" } }) });

			assert.equal(answer.status, 401);
			assert.match(answer.headers["content-type"], /^text\/html/);
			assert.match(answer.text, /href="\/oauth\/start"/);
		});
	}

	test("a made-up cookie is no session", async () => {
		const jar = new CookieJar();

		jar.set(stack.url, "session", "A".repeat(43));
		assertError(await stack.request("/api/switches", { jar }), 401);
		jar.set(stack.url, "session", "../../x");
		assertError(await stack.request("/api/switches", { jar }), 401);
	});
});

describe("the page", () => {
	test("carries the security headers and no inline script or style", async () => {
		for (const jar of [undefined, alex]) {
			const page = await stack.request("/", { jar });
			const policy = page.headers["content-security-policy"];

			for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'",
				"connect-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"])
				assert.ok(policy.split("; ").includes(part), part);
			assert.doesNotMatch(policy, /unsafe|\*/);
			assert.equal(page.headers["x-content-type-options"], "nosniff");
			assert.equal(page.headers["referrer-policy"], "same-origin");
			assert.equal(page.headers["cache-control"], "no-store");
			assert.match(page.headers["content-type"], /^text\/html; charset=utf-8/i);
			assert.doesNotMatch(page.text, /<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:/i);
			assert.match(page.text, /^<!doctype html>\n<html lang="en">/i);
		}
	});

	test("has every switch in a form of its own that posts an explicit on or off", async () => {
		const { text } = await stack.request("/", { jar: alex });
		const switches = await list(alex);
		const buttons = [...text.matchAll(/<button role="switch"[^>]*>/g)];

		assert.equal(buttons.length, switches.length);
		for (const item of switches) {
			const form = text.match(new RegExp(
				`<form[^>]*action="/switches/${item.deviceId}/${item.component}"(?:(?!</form>).)*role="switch".*?</form>`, "s"))[0];
			const checked = { on: "true", off: "false" }[item.state] ?? "mixed";

			assert.match(form, new RegExp(`aria-checked="${checked}"`));
			assert.match(form, new RegExp(`name="command" value="${item.state === "on" ? "off" : "on"}"`));
			assert.match(form, new RegExp(`name="csrf" value="${token}"`));
			assert.match(form, new RegExp(`data-device-id="${item.deviceId}" data-component="${item.component}"`));
			assert.ok(unescapeHtml(form).includes(item.label));
		}
	});

	test("shows labels as text, groups by room, and lists devices in no room last", async () => {
		const { text } = await stack.request("/", { jar: alex });
		const rooms = [...text.matchAll(/<h3>([^<]*)<\/h3>/g)].map((found) => found[1]);

		assert.ok(text.includes("Fairy lights &lt;b&gt;&quot;&#39;&amp; co"));
		assert.doesNotMatch(text, /<b>/);
		assert.deepEqual(rooms, ["Bedroom", "Hall", "Kitchen", "Living room", "No room"]);
		assert.match(text, /<h2>Home<\/h2>/);
	});

	test("has a digest in the address of each file, and the files are cacheable for ever", async () => {
		const { text } = await stack.request("/", { jar: alex });
		const files = [...text.matchAll(/(?:href|src)="(\/static\/[^"]+)"/g)].map((found) => found[1]);

		assert.ok(files.length >= 4);
		for (const file of files) {
			const answer = await stack.request(file);

			assert.equal(answer.status, 200, file);
			assert.match(file, /\?v=[0-9a-f]{12}$/);
			assert.match(answer.headers["cache-control"], /immutable/);
			assert.equal(answer.headers["x-content-type-options"], "nosniff");
		}
	});

	test("answers HEAD like GET, without the body", async () => {
		const answer = await stack.request("/", { method: "HEAD", jar: alex });

		assert.equal(answer.status, 200);
		assert.equal(answer.text, "");
	});

	test("makes no call to the platform", async () => {
		await stack.control("POST", "calls/reset");
		for (let i = 0; i < 100; i++)
			assert.equal((await stack.request("/", { jar: alex })).status, 200);
		assert.equal((await stack.control("GET", "calls")).total, 0);
	});

	test("of an unknown address says so and links to the switches", async () => {
		const page = await stack.request("/no/such/page");

		assert.equal(page.status, 404);
		assert.match(page.text, /<h1>.*<a class="button" href="\/"/s);
		assertError(await stack.request("/api/nothing", { jar: alex }), 404);
	});
});

describe("GET /api/switches", () => {
	test("has every member with its type", async () => {
		const answer = await stack.request("/api/switches", { jar: alex });
		const { cursor, switches } = answer.json();

		assert.equal(answer.headers["cache-control"], "no-store");
		assert.match(cursor, /^[A-Za-z0-9._-]+:\d+$/);
		assert.equal(switches.length, 12);
		for (const item of switches) {
			for (const name of ["deviceId", "component", "label", "location", "installationId"])
				assert.equal(typeof item[name], "string", name);
			assert.ok(["light", "switch", "plug", "fan", "tv", "appliance", "camera", "other"].includes(item.kind));
			assert.ok(["on", "off", null].includes(item.state));
			assert.ok(item.level === null || (Number.isInteger(item.level) && item.level >= 0 && item.level <= 100));
			assert.equal(typeof item.online, "boolean");
			assert.equal(typeof item.pending, "boolean");
			assert.ok(Number.isInteger(item.seq));
			assert.ok(item.room === null || typeof item.room === "string");
			assert.ok(!Number.isNaN(Date.parse(item.updatedAt)));
		}
		assert.equal(dimmer.level, 60);
		assert.equal(dimmer.kind, "light");
		assert.equal(byLabel(switches, "Coffee machine").kind, "plug");
		assert.equal(byLabel(switches, "Garden pump").room, null);
		assert.equal(byLabel(switches, "Wall switch 2-gang").room, "Bedroom");
	});

	test("shows no switch of another user", async () => {
		assert.deepEqual((await list(sam)).map((item) => item.label), ["Desk lamp"]);
		assert.equal(byLabel(await list(alex), "Desk lamp"), undefined);
		assert.doesNotMatch((await stack.request("/", { jar: alex })).text, /Desk lamp|Flat/);
	});
});

describe("POST /api/switches/{deviceId}/{component}", () => {
	test("accepts a command, and the device executes it", async () => {
		const wanted = (await state(lamp)) === "on" ? "off" : "on";
		const answer = await post(pathOf(lamp), { command: wanted });

		assert.equal(answer.status, 202);
		assert.match(answer.json().commandId, /^[0-9a-f-]{36}$/);
		await waitFor(async () => {
			const row = byLabel(await list(alex), lamp.label);

			return row.state === wanted && !row.pending;
		}, { what: "the lamp to change" });
		const { devices } = await stack.control("GET", "state");
		const device = Object.values(devices).find(({ deviceId }) => deviceId === lamp.deviceId);

		assert.ok(JSON.stringify(device).includes(`"value":"${wanted}"`));
	});

	test("sets a level", async () => {
		assert.equal((await post(pathOf(dimmer), { command: "setLevel", level: 35 })).status, 202);
		await waitFor(async () => byLabel(await list(alex), dimmer.label).level === 35, { what: "the level" });
		assertError(await post(pathOf(lamp), { command: "setLevel", level: 35 }), 400);
	});

	for (const [what, body] of Object.entries({
		"an unknown command": { command: "toggle" },
		"no command": {},
		"a command that is no text": { command: true },
		"a list of commands": { command: ["on"] },
		"a list": [{ command: "on" }],
		"a level of 101": { command: "setLevel", level: 101 },
		"a level of -1": { command: "setLevel", level: -1 },
		"a level of 1.5": { command: "setLevel", level: 1.5 },
		"a level in quotes": { command: "setLevel", level: "10" },
		"no level": { command: "setLevel" },
		"an unknown member": { command: "on", toggle: true },
	})) {
		test(`refuses ${what}: 400`, async () => {
			assertError(await post(pathOf(dimmer), body), 400, "input");
		});
	}

	for (const body of ["", "on", "{\"command\":\"on\"", "{\"command\":\"on\"}x", "{\"command\":\"on\",\"command\":\"off\"}", "\u0000"]) {
		test(`refuses the body ${JSON.stringify(body)}: 400`, async () => {
			assertError(await stack.request(pathOf(lamp), {
				jar: alex, body, method: "POST", headers: { "X-CSRF-Token": token, "Content-Type": "application/json" },
			}), 400);
		});
	}

	test("accepts JSON with the content type text/plain or none, as fetch() sends it", async () => {
		for (const type of [{}, { "Content-Type": "text/plain;charset=UTF-8" }])
			assert.equal((await stack.request(pathOf(lamp), {
				jar: alex, body: "{\"command\":\"off\"}", method: "POST", headers: { "X-CSRF-Token": token, ...type },
			})).status, 202);
	});

	test("refuses a form: 415", async () => {
		assertError(await stack.request(pathOf(lamp), {
			jar: alex, form: { command: "on" }, headers: { "X-CSRF-Token": token },
		}), 415);
	});

	test("refuses a missing or wrong CSRF token before it reads the body: 403", async () => {
		const other = await csrfToken(stack, sam);

		for (const csrf of [null, "", "x", other, `${token}x`])
			assertError(await post(pathOf(lamp), "nonsense", { csrf }), 403);
	});

	test("answers 404 for another user's switch, an unknown one and a malformed path", async () => {
		for (const where of [pathOf(theirs), "/api/switches/none/main", `/api/switches/${lamp.deviceId}/outlet9`,
			"/api/switches/a%20b/main", "/api/switches/a%2Fb/main", "/api/switches/%252e/main", "/api/switches/%C3%A4/main",
			`/api/switches/${"a".repeat(129)}/main`, `/api/switches/${lamp.deviceId}/main/on`, `${pathOf(lamp)}/`])
			assertError(await post(where, { command: "on" }), 404);
		assert.equal((await list(sam))[0].pending, false);
	});

	test("decodes escapes in the path once", async () => {
		const encoded = [...lamp.deviceId].map((c) => `%${c.charCodeAt(0).toString(16)}`).join("");

		assert.equal((await post(`/api/switches/${encoded}/%6d%61in`, { command: "on" })).status, 202);
		await withoutPending(alex);
	});
});

describe("POST /api/switches", () => {
	const all = async (body) => {
		const answer = await post("/api/switches", body);

		assert.equal(answer.status, 202, answer.text);
		await withoutPending(alex);
		return answer.json().commandIds;
	};

	test("switches the devices of a room, except those that are in that state already", async () => {
		await all({ command: "on", room: "Bedroom" });
		assert.equal((await all({ command: "off", room: "Bedroom" })).length, 2);
		assert.deepEqual(await all({ command: "off", room: "Bedroom" }), []);
		const off = (await list(alex)).filter((item) => item.room === "Bedroom");

		assert.deepEqual(off.map((item) => item.state), ["off", "off"]);
	});

	test("switches the devices of no room, of a location, and all", async () => {
		await all({ command: "on", room: "" });
		assert.equal(byLabel(await list(alex), "Garden pump").state, "on");
		await all({ command: "on", installationId: lamp.installationId });
		assert.ok((await list(alex)).every((item) => item.state === "on"));
		assert.equal((await all({ command: "off" })).length, 12);
		assert.ok((await list(alex)).every((item) => item.state === "off"));
		assert.equal((await list(sam))[0].pending, false);
	});

	for (const [what, body] of Object.entries({
		"a level": { command: "setLevel", level: 5 },
		"no command": { room: "Hall" },
		"a misspelt member": { command: "off", rom: "Hall" },
		"a room that is no text": { command: "off", room: 5 },
		"no room by null": { command: "off", room: null },
	})) {
		test(`refuses ${what}: 400`, async () => assertError(await post("/api/switches", body), 400));
	}

	test("answers 404 for unknown rooms and other users' locations", async () => {
		assertError(await post("/api/switches", { command: "off", room: "Study" }), 404);
		assertError(await post("/api/switches", { command: "off", installationId: theirs.installationId }), 404);
		assertError(await post("/api/switches", { command: "off", installationId: "a b" }), 404);
		assertError(await post("/api/switches", { command: "off", room: "Hall", installationId: theirs.installationId }), 404);
	});

	test("refuses a missing CSRF token: 403", async () => {
		assertError(await post("/api/switches", { command: "off" }, { csrf: null }), 403);
	});
});

describe("GET /api/history", () => {
	const history = (query, jar = alex) => stack.request(`/api/history?${new URLSearchParams(query)}`, { jar });

	test("has the changes of state, oldest first", async () => {
		for (const value of ["on", "off", "on"]) {
			await stack.control("POST", `devices/${lamp.deviceId}/flip`, { value });
			await waitFor(async () => (await state(lamp)) === value, { what: `the lamp ${value}` });
		}
		const answer = (await history({ deviceId: lamp.deviceId })).json();

		assert.equal(answer.deviceId, lamp.deviceId);
		assert.equal(answer.component, "main");
		assert.equal(answer.hours, 24);
		assert.deepEqual(answer.changes.slice(-3).map((change) => change.state), ["on", "off", "on"]);
		const times = answer.changes.map((change) => Date.parse(change.at));

		assert.deepEqual(times, [...times].sort((a, b) => a - b));
	});

	test("has the levels of a dimmer", async () => {
		await stack.control("POST", `devices/${dimmer.deviceId}/level`, { level: 77 });
		await waitFor(async () => byLabel(await list(alex), dimmer.label).level === 77, { what: "the level" });
		const { changes } = (await history({ deviceId: dimmer.deviceId, component: "main", hours: "168" })).json();

		assert.ok(changes.some((change) => change.level === 77));
	});

	test("refuses invalid hours and a missing device: 400", async () => {
		for (const hours of ["0", "169", "-1", "1.5", "x", ""])
			assertError(await history({ deviceId: lamp.deviceId, hours }), 400);
		assertError(await history({}), 400);
		assertError(await history({ deviceId: "" }), 400);
		assertError(await stack.request(`/api/history?deviceId=${lamp.deviceId}&deviceId=x`, { jar: alex }), 400);
	});

	test("answers 404 for another user's switch", async () => {
		for (const query of [{ deviceId: theirs.deviceId }, { deviceId: "none" }, { deviceId: lamp.deviceId, component: "x" },
			{ deviceId: "../x" }])
			assertError(await history(query), 404);
	});
});

describe("a form", () => {
	test("of a switch redirects to the page, and the device executes the command", async () => {
		const wanted = (await state(lamp)) === "on" ? "off" : "on";
		const answer = await stack.request(formOf(lamp), { jar: alex, form: { csrf: token, command: wanted } });

		assert.equal(answer.status, 303);
		assert.equal(answer.location, `${stack.url}/`);
		await waitFor(async () => (await state(lamp)) === wanted, { what: "the lamp" });
	});

	test("of a dimmer sets its level", async () => {
		const answer = await stack.request(formOf(dimmer), { jar: alex, form: { csrf: token, command: "setLevel", level: "12" } });

		assert.equal(answer.status, 303);
		await waitFor(async () => byLabel(await list(alex), dimmer.label).level === 12, { what: "the level" });
	});

	test("of a room switches all of its devices off", async () => {
		const form = { csrf: token, command: "off", room: "Living room", installation: lamp.installationId };

		assert.equal((await stack.request("/switches", { jar: alex, form })).status, 303);
		await waitFor(async () => (await list(alex)).every((item) => item.room !== "Living room" || item.state === "off"),
			{ what: "the room" });
	});

	test("of each kind with a missing or wrong token gets a page: 403", async () => {
		for (const where of [formOf(lamp), "/switches", "/logout", "/disconnect"]) {
			for (const csrf of [undefined, "wrong"]) {
				const answer = await stack.request(where, { jar: alex, form: { command: "on", ...(csrf && { csrf }) } });

				assert.equal(answer.status, 403, where);
				assert.match(answer.headers["content-type"], /^text\/html/);
				assert.match(answer.text, /<h1>/);
			}
		}
	});

	test("with invalid fields gets 400, with another user's ids 404", async () => {
		const form = (where, fields) => stack.request(where, { jar: alex, form: { csrf: token, ...fields } });

		assert.equal((await form(formOf(lamp), {})).status, 400);
		assert.equal((await form(formOf(lamp), { command: "toggle" })).status, 400);
		assert.equal((await form(formOf(dimmer), { command: "setLevel", level: "101" })).status, 400);
		assert.equal((await form(formOf(dimmer), { command: "setLevel", level: "" })).status, 400);
		assert.equal((await form("/switches", { command: "setLevel" })).status, 400);
		assert.equal((await form(formOf(theirs), { command: "on" })).status, 404);
		assert.equal((await form("/switches", { command: "on", installation: theirs.installationId })).status, 404);
		assert.equal((await form("/disconnect", { installation: theirs.installationId })).status, 404);
	});

	test("cannot be requested by GET: 405 with Allow", async () => {
		for (const where of ["/logout", "/switches", formOf(lamp), pathOf(lamp)]) {
			const answer = await stack.request(where, { jar: alex });

			assert.equal(answer.status, 405, where);
			assert.equal(answer.headers.allow, "POST");
		}
		const answer = await stack.request("/api/history", { method: "POST", json: {}, jar: alex });

		assert.equal(answer.status, 405);
		assert.equal(answer.headers.allow, "GET, HEAD");
	});
});

describe("health and metrics", () => {
	test("GET /healthz reports that database and worker are ok", async () => {
		const answer = await stack.request("/healthz");

		assert.equal(answer.status, 200);
		assert.deepEqual(answer.json(), { status: "ok", database: "ok", schema: answer.json().schema, worker: "ok",
			partitions: "ok" });
		assert.ok(answer.json().schema >= 1);
	});

	test("GET /metrics is Prometheus text", async () => {
		const answer = await stack.request("/metrics");

		assert.equal(answer.status, 200);
		assert.match(answer.headers["content-type"], /^text\/plain; version=0\.0\.4/);
		for (const line of answer.text.trimEnd().split("\n"))
			assert.match(line, /^(# (HELP|TYPE) switchboard_[a-z0-9_]+ .+|switchboard_[a-z0-9_]+(\{[a-z]+="[^"]*"\})? -?[0-9.e+-]+)$/);
		assert.match(answer.text, /^switchboard_installations\{status="active"\} 2$/m);
		assert.match(answer.text, /^switchboard_switches 13$/m);
		const heads = [...answer.text.matchAll(/^# TYPE (\S+)/gm)].map((found) => found[1]);

		assert.equal(new Set(heads).size, heads.length);
	});
});

describe("signing out and disconnecting", () => {
	test("a location that needs to be linked again refuses commands: 409", async () => {
		await stack.psql(`UPDATE switchboard.installation SET status = 'needs_reauth' WHERE installation_id = '${theirs.installationId}'`);
		try {
			const csrf = await csrfToken(stack, sam);

			assertError(await post(pathOf(theirs), { command: "on" }, { jar: sam, csrf }), 409);
			assert.deepEqual((await post("/api/switches", { command: "on" }, { jar: sam, csrf })).json().commandIds, []);
			assert.match((await stack.request("/", { jar: sam })).text, /class="banner reauth".*href="\/oauth\/start"/s);
		} finally {
			await stack.psql(`UPDATE switchboard.installation SET status = 'active' WHERE installation_id = '${theirs.installationId}'`);
		}
	});

	test("logging out ends this session and no other", async () => {
		const second = await linkAccount(stack, { location: "Home" });
		const csrf = await csrfToken(stack, second);
		const answer = await stack.request("/logout", { jar: second, form: { csrf } });

		assert.equal(answer.status, 303);
		assert.equal(answer.location, `${stack.url}/`);
		assert.match(answer.setCookies.join(), /^session=;.*Max-Age=0/);
		assertError(await stack.request("/api/switches", { jar: second }), 401);
		assert.equal((await stack.request("/api/switches", { jar: alex })).status, 200);
	});

	test("logging out accepts the CSRF token as a header", async () => {
		const second = await linkAccount(stack, { location: "Home" });
		const csrf = await csrfToken(stack, second);
		const answer = await stack.request("/logout", { method: "POST", jar: second, headers: { "X-CSRF-Token": csrf } });

		assert.equal(answer.status, 303);
		assertError(await stack.request("/api/switches", { jar: second }), 401);
	});

	test("disconnecting asks first, then erases the tokens and uninstalls the app at the platform", async () => {
		const link = (await stack.request("/", { jar: sam })).text.match(/href="(\/disconnect\?installation=[^"]+)"/)[1];
		const question = await stack.request(link, { jar: sam });

		assert.equal(question.status, 200);
		assert.match(question.text, /<h1>Disconnect Flat\?<\/h1>/);
		assert.equal((await list(sam)).length, 1);
		const csrf = csrfOf(question.text);
		const answer = await stack.request("/disconnect", { jar: sam, form: { csrf, installation: theirs.installationId } });

		assert.equal(answer.status, 303);
		assertError(await stack.request("/api/switches", { jar: sam }), 401);
		await waitFor(async () => {
			const { installedApps } = await stack.control("GET", "state");

			return !JSON.stringify(installedApps).includes(theirs.installationId);
		}, { what: "the uninstall at the platform" });
		await waitFor(async () => (await stack.psql(
			`SELECT count(*) FROM switchboard.token WHERE installation_id = '${theirs.installationId}'`)) === "0",
		{ what: "the tokens to be erased" });
	});

	test("disconnecting needs no installation when there is one location", async () => {
		const answer = await stack.request("/disconnect", { jar: alex, method: "POST", headers: { "X-CSRF-Token": token } });

		assert.equal(answer.status, 303);
		const page = await stack.request("/", { jar: alex });

		assert.match(page.text, /href="\/oauth\/start"/);
		assert.equal(csrfOf(page.text), null);
	});
});
