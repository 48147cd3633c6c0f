// Well signed webhooks with malformed or unusual bodies: 400 and nothing stored when it is no JSON or no webhook;
// else 200, and an event that is not understood is stored as it came and changes no switch.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { attackStack } from "./hostile.mjs";
import { eventBody, switchEvent, timeUuid } from "./key_server.mjs";

const target = attackStack();
const event = (value = "on", more = {}) => switchEvent(target.device, value, more);

/** The text of a body with one event, after "change" was applied to it. */
function altered(change, made = event()) {
	const body = JSON.parse(eventBody(target.installation, [made]));

	change(body, body.eventData.events[0]);
	return JSON.stringify(body);
}

async function refused(body, status = 400) {
	const answer = await target.signed(body);

	assert.equal(answer.status, status, `${body.toString().slice(0, 200)} … ${answer.text.slice(0, 200)}`);
	assert.match(answer.headers["content-type"], /^application\/json/);
	assert.equal(answer.json().error.code, { 400: "input", 413: "too_large" }[status]);
}

// ---- bodies that are no JSON, or JSON that two parsers could read in two ways ----

const good = () => eventBody(target.installation, [event()]);
const inValue = (text) => good().replace('"value":"on"', () => `"value":${text}`);
const bytes = (text, ...more) => Buffer.concat([Buffer.from(text), Buffer.from(more)]);
const cut = (mark, ...more) => {
	const [first, second] = good().split(mark);

	return Buffer.concat([Buffer.from(first + mark), Buffer.from(more), Buffer.from(second)]);
};

const MALFORMED = {
	"nothing": () => "",
	"blanks": () => "  \n ",
	"null": () => "null",
	"a number": () => "1",
	"a text": () => '"EVENT"',
	"an array": () => `[${good()}]`,
	"an object without an end": () => good().slice(0, -1),
	"an object with two ends": () => `${good()}}`,
	"two objects": () => good() + good(),
	"a comma at the end": () => good().replace(/}$/, ",}"),
	"single quotes": () => good().replaceAll('"', "'"),
	"a comment": () => `/* x */${good()}`,
	"a form": () => "messageType=EVENT",
	"XML": () => '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>',
	"100 000 arrays in one another": () => "[".repeat(100000) + "]".repeat(100000),
	"100 000 arrays without an end": () => "[".repeat(100000),
	"100 000 objects in one another": () => `${'{"a":'.repeat(100000)}1${"}".repeat(100000)}`,
	"nesting that ends in the wrong brackets": () => "[".repeat(60) + "}".repeat(60),
	"the same key twice": () => good().replace("{", '{"messageType":"PING",'),
	"the same key twice, once in escapes": () => good().replace("{", '{"\\u006dessageType":"PING",'),
	"eventData twice": () => good().replace("{", '{"eventData":{},'),
	"installedAppId twice": () => good().replace('"installedApp":{', `"installedApp":{"installedAppId":"${randomUUID()}",`),
	"a NUL before it": () => bytes("\0").toString() + good(),
	"a NUL behind it": () => `${good()}\0`,
	"a NUL in a text": () => good().replace('"on"', '"o\0n"'),
	"a NUL and a second body": () => `${good()}\0${good()}`,
	"a control character in a text": () => good().replace('"on"', '"o\x01n"'),
	"a line break in a text": () => good().replace('"on"', '"o\nn"'),
	"bytes that are no UTF-8": () => cut('"value":"', 0xff, 0xfe),
	"an overlong slash": () => cut('"value":"', 0xc0, 0xaf),
	"a NUL of two bytes": () => cut('"value":"', 0xc0, 0x80),
	"half of a surrogate in bytes": () => cut('"value":"', 0xed, 0xa0, 0x80),
	"a character beyond Unicode": () => cut('"value":"', 0xf5, 0x80, 0x80, 0x80),
	"a character cut short": () => cut('"value":"', 0xe2, 0x82),
	"a byte order mark": () => `\ufeff${good()}`,
	"UTF-16": () => Buffer.from(good(), "utf16le"),
	"an unknown escape": () => inValue('"\\x41"'),
	"NaN": () => inValue("NaN"),
	"Infinity": () => inValue("-Infinity"),
	"a number with a plus": () => inValue("+1"),
	"a number with a zero before it": () => inValue("01"),
	"a number in hexadecimal": () => inValue("0x10"),
	"no messageType": () => altered((body) => delete body.messageType),
	"100 000 events": () => eventBody(target.installation, Array(100000).fill({})),
	"100 000 events that are no objects": () => eventBody(target.installation, Array(100000).fill(0)),
};

for (const [name, make] of Object.entries(MALFORMED))
	target.survives(`the body is ${name}: 400`, () => refused(make()));

// ---- JSON with something in one event that no reader can hold, or none of a type is known for ----

const ODD = {
	"100 000 arrays in a value": () => inValue("[".repeat(100000) + "]".repeat(100000)),
	"deviceId twice": () => good().replace('"deviceEvent":{', '"deviceEvent":{"deviceId":"x",'),
	"a key twice deep in a value": () => inValue('{"a":{"b":1,"b":2}}'),
	"an escaped NUL in a value": () => inValue('"o\\u0000n"'),
	"an escaped NUL in a key": () => inValue('{"a\\u0000":1}'),
	"half of a surrogate in an escape": () => inValue('"\\ud800"'),
	"1e999": () => inValue("1e999"),
	"an integer of 25 digits": () => inValue("9".repeat(25)),
};

/** 200; the odd event was stored with this type and no value.  Gives its row. */
async function notUnderstood(body, type) {
	const before = await target.stack.rows("SELECT count(*)::integer AS n FROM event WHERE NOT understood");
	const answer = await target.signed(body);

	assert.equal(answer.status, 200, `${body.toString().slice(0, 200)} … ${answer.text.slice(0, 200)}`);
	const after = await target.stack.rows("SELECT event_type, value, detail IS NOT NULL AS kept FROM event WHERE NOT understood ORDER BY received_at");

	assert.equal(after.length, before[0].n + 1);
	assert.equal(after.at(-1).event_type, type);
	assert.equal(after.at(-1).value, null);
	return after.at(-1);
}

for (const [name, make] of Object.entries(ODD))
	target.survives(`an event has ${name}: 200, stored as it came`, async () => {
		const row = await notUnderstood(make(), "DEVICE_EVENT");

		assert.equal(row.kept, true);
	}, { changes: ["event"] });

target.survives("a good event and then a bad one: 200, both are stored", async () => {
	const one = event("off", { capability: "x" });

	await notUnderstood(eventBody(target.installation, [one, { eventType: "DEVICE_EVENT" }]), "DEVICE_EVENT");
	const [row] = await target.stack.rows(`SELECT understood FROM event WHERE event_id = '${one.deviceEvent.eventId}'`);

	assert.deepEqual(row, { understood: true });
}, { changes: ["event"] });

target.survives("100 000 objects in an unknown member of the message: 200", async () => {
	const body = altered((message) => (message.x = "HERE"), event("off", { capability: "x" }))
		.replace('"HERE"', () => `${'{"a":'.repeat(100000)}1${"}".repeat(100000)}`);

	assert.equal((await target.signed(body)).status, 200);
}, { changes: ["event"] });

target.survives("a body of 1 MB and one byte: 413", async () => {
	const body = `{"messageType":"X","x":"${"y".repeat((1 << 20) - 25)}"}`;

	assert.equal(body.length, (1 << 20) + 1);
	await refused(body, 413);
});

target.survives("a chunked body of 1 MB and one byte: 413", async () => {
	const body = `{"messageType":"X","x":"${"y".repeat((1 << 20) - 25)}"}`;
	const { Authorization, Digest, Date: date } = target.sign(body);
	const answer = await target.raw(`POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nDate: ${date}\r\n` +
		`Authorization: ${Authorization}\r\nDigest: ${Digest}\r\nTransfer-Encoding: chunked\r\n\r\n` +
		`${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);

	assert.equal(answer.status, 413);
});

target.survives("a Content-Length of 4 GB: 413 at once", async () => {
	const answer = await target.raw("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4294967296\r\n\r\n{");

	assert.equal(answer.status, 413);
});

// ---- values of another type than the field has ----

const WRONG = [5, 1.5, true, [], ["x"], {}];
const health = () => ({ eventTime: new Date().toISOString(), eventType: "DEVICE_HEALTH_EVENT",
	deviceHealthEvent: { eventId: timeUuid(Date.now()), deviceId: target.device, status: "OFFLINE", reason: "NONE" } });
const lifecycle = (eventType, member) => () => ({ eventTime: new Date().toISOString(), eventType,
	[member]: { eventId: timeUuid(Date.now()), deviceId: target.device, installedAppId: target.installation, lifecycle: "DELETE" } });
const uninstall = lifecycle("INSTALLED_APP_LIFECYCLE_EVENT", "installedAppLifecycleEvent");

const FIELDS = {
	messageType: [(body, _, wrong) => (body.messageType = wrong)],
	eventData: [(body, _, wrong) => (body.eventData = wrong)],
	installedApp: [(body, _, wrong) => (body.eventData.installedApp = wrong)],
	installedAppId: [(body, _, wrong) => (body.eventData.installedApp.installedAppId = wrong)],
	events: [(body, _, wrong) => (body.eventData.events = wrong), [5, true, "x", {}, null]],
};

/** Members of one event: the type that is stored. */
const EVENT_FIELDS = {
	"an event": [(body, _, wrong) => (body.eventData.events[0] = wrong), [5, true, "x", [], null]],
	eventTime: [(_, one, wrong) => (one.eventTime = wrong), [-1, true, [], ["x"], {}, "", "yesterday", "2019-13-01T00:00:00Z", "-1", "1e9"]],
	eventType: [(_, one, wrong) => (one.eventType = wrong)],
	deviceEvent: [(_, one, wrong) => (one.deviceEvent = wrong), [5, true, "x", [], null]],
	eventId: [(_, one, wrong) => (one.deviceEvent.eventId = wrong)],
	deviceId: [(_, one, wrong) => (one.deviceEvent.deviceId = wrong), [...WRONG, "", "..", "a/b", "a b", "é", "x".repeat(129)]],
	componentId: [(_, one, wrong) => (one.deviceEvent.componentId = wrong)],
	capability: [(_, one, wrong) => (one.deviceEvent.capability = wrong)],
	attribute: [(_, one, wrong) => (one.deviceEvent.attribute = wrong)],
	"deviceHealthEvent": [(_, one, wrong) => (one.deviceHealthEvent = wrong), [5, "x", [], null], health],
	"status of a deviceHealthEvent": [(_, one, wrong) => (one.deviceHealthEvent.status = wrong), WRONG, health],
	"deviceId of a deviceHealthEvent": [(_, one, wrong) => (one.deviceHealthEvent.deviceId = wrong), WRONG, health],
	"lifecycle of a deviceLifecycleEvent": [(_, one, wrong) => (one.deviceLifecycleEvent.lifecycle = wrong), WRONG,
		lifecycle("DEVICE_LIFECYCLE_EVENT", "deviceLifecycleEvent")],
	"lifecycle of an installedAppLifecycleEvent": [(_, one, wrong) => (one.installedAppLifecycleEvent.lifecycle = wrong), WRONG, uninstall],
	"installedAppId of an installedAppLifecycleEvent": [
		(_, one, wrong) => (one.installedAppLifecycleEvent.installedAppId = wrong), WRONG, uninstall],
};

for (const [name, [change, values = WRONG, make = event]] of Object.entries(FIELDS)) {
	target.survives(`${name} of another type: 400`, async () => {
		for (const wrong of values)
			await refused(altered((body, one) => change(body, one, wrong), make()));
	});
}

for (const [name, [change, values = WRONG, make = event]] of Object.entries(EVENT_FIELDS)) {
	target.survives(`${name} of another type: 200, stored without being understood`, async () => {
		for (const wrong of values) {
			const made = make();
			const type = ["an event", "eventType"].includes(name) ? "UNKNOWN" : made.eventType;

			await notUnderstood(altered((body, one) => change(body, one, wrong), made), type);
		}
	}, { changes: ["event"] });
}

target.survives("locationId of another type: 200, for it is not read", async () => {
	for (const wrong of WRONG)
		assert.equal((await target.signed(altered((body) => (body.eventData.installedApp.locationId = wrong), event("on", { capability: "x" })))).status, 200);
}, { changes: ["event"] });

for (const [name, make] of Object.entries({
	pingData: (pingData) => ({ lifecycle: "PING", pingData }),
	challenge: (challenge) => ({ lifecycle: "PING", pingData: { challenge } }),
	confirmationData: (confirmationData) => ({ messageType: "CONFIRMATION", confirmationData }),
	confirmationUrl: (confirmationUrl) => ({ messageType: "CONFIRMATION", confirmationData: { confirmationUrl } }),
	appId: (appId) => ({ messageType: "CONFIRMATION", confirmationData: { appId,
		confirmationUrl: `${target.stack.simulatorUrl}/v1/apps/x/confirm-registration?token=x` } }),
	lifecycle: (lifecycle) => ({ lifecycle, pingData: { challenge: "x" } }),
})) {
	target.survives(`${name} of another type: 400`, async () => {
		for (const wrong of WRONG)
			await refused(JSON.stringify(make(wrong)));
	});
}

// ---- events that are stored and change no switch ----

const level = (value) => () => event(value, { capability: "switchLevel", attribute: "level" });
const STORED = {
	"a state of another word": ["ON", "toggle", "", " on", "on\u0000".slice(0, 2) + " ", "x".repeat(100000)].map((value) => () => event(value)),
	"a state that is no text": [1, true, null, {}, [], ["on"], { value: "on" }].map((value) => () => event(value)),
	"a level out of its range": [-1, 101, 1e300, -1e300, Number.MAX_SAFE_INTEGER, 100.01].map(level),
	"a level that is no number": ["50", null, true, [], {}, ""].map(level),
	"a state of another attribute": [() => event("on", { attribute: "x" }), () => event("on", { capability: "x" })],
	"a state of the year 1970": [() => event("on", { ms: 0 })],
	"a text of 100 000 brackets": [() => event("[".repeat(100000))],
	"a text of quotes and backslashes": [() => event('"\\'.repeat(1000))],
	"SQL in every text that may be any": [() => event("');DROP TABLE switchboard.event;--", {
		capability: "'||(SELECT 1)||'", attribute: "x'; DELETE FROM switchboard.session; --", subscriptionName: "$$;SELECT pg_sleep(9);$$" })],
	"line breaks in every text that may be any": [() => event("on\r\nlevel=error event=forged", {
		capability: "a\r\nlevel=error event=forged", attribute: "\nlevel=error event=forged" })],
	"an unknown type with anything in it": [() => ({ eventType: "x'; DROP TABLE event; --\r\nlevel=error event=forged",
		eventTime: new Date().toISOString(), somethingEvent: { eventId: [], deviceId: {}, lifecycle: 7, deep: [[[["x"]]]] } })],
};

for (const [name, makers] of Object.entries(STORED)) {
	target.survives(`${name} is stored as an event and changes no switch`, async () => {
		for (const make of makers)
			assert.equal((await target.signed(eventBody(target.installation, [make()]))).status, 200);
		assert.doesNotMatch(target.stack.log("webhook"), /^level=error event=forged/m);
	}, { changes: ["event"] });
}

target.survives("texts are stored unchanged, up to their maximal length", async () => {
	const made = event("\u2028<script>'\"\\", { capability: "'; --", attribute: "\u00e9".repeat(300) });

	assert.equal((await target.signed(eventBody(target.installation, [made]))).status, 200);
	const [row] = await target.stack.rows(`SELECT value, capability, attribute FROM event WHERE event_id = '${made.deviceEvent.eventId}'`);

	assert.deepEqual(row, { value: made.deviceEvent.value, capability: "'; --", attribute: "\u00e9".repeat(256) });
}, { changes: ["event"] });

// ---- installations ----

target.survives("an unknown installation, or one of a name with SQL in it: 200 or 400, nothing stored", async () => {
	for (const [id, status] of [[randomUUID(), 200], ["' OR '1'='1", 400], ["%", 400], ["*", 400], [`${target.installation}'--`, 400],
		[`${target.installation}\r\nlevel=error`, 400], ["../etc", 400], ["", 400], ["x".repeat(129), 400], [target.installation.toUpperCase(), 200]])
		assert.equal((await target.signed(eventBody(id, [event("off")]))).status, status, id);
});

target.survives("an uninstall that names another installation: stored, nothing removed", async () => {
	const one = uninstall();

	one.installedAppLifecycleEvent.installedAppId = randomUUID();
	assert.equal((await target.signed(eventBody(target.installation, [one]))).status, 200);
}, { changes: ["event"] });

// ---- replay and slow senders ----

target.survives("the same webhook fifty times is stored once", async () => {
	const body = target.fresh("off");
	const headers = target.sign(body);

	assert.equal((await target.post(body, headers)).status, 200);
	const once = await target.digests.read();
	const answers = await Promise.all(Array.from({ length: 50 }, () => target.post(body, headers)));

	assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
	assert.deepEqual(await target.digests.read(), once);
}, { changes: ["event", "installation", "switch"] });

target.survives("content types that are not JSON: 415", async () => {
	for (const contentType of ["text/plain", "text/html", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
		"application/jsonx", "application/json, text/html", "x/application/json", "application/xml"]) {
		const body = target.fresh();
		const answer = await target.post(body, target.sign(body), { contentType });

		assert.equal(answer.status, 415, contentType);
		assert.equal(answer.json().error.code, "media");
	}
});

const SLOW = {
	"that send nothing": () => [],
	"that send a header byte by byte": () => ["POST / HTTP/1.1\r\nHost: x\r\nX-Slow: ", ..."x".repeat(1000)],
	"that send half of a body": () => {
		const body = target.fresh();

		return [`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, -9)}`];
	},
	"that send a body byte by byte": () => ["POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", ..."x".repeat(1000)],
	"that send one chunk": () => ["POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nx"],
};

for (const [name, parts] of Object.entries(SLOW)) {
	target.survives(`webhooks are answered during 50 connections ${name}`, async () => {
		const senders = Array.from({ length: 50 }, () => target.slow(parts()));

		try {
			for (let i = 0; i < 5; i++) {
				const answers = await Promise.all(Array.from({ length: 8 }, () => target.signed(target.fresh())));

				assert.deepEqual(answers.map(({ status }) => status), Array(8).fill(200));
			}
			assert.ok(senders.every((sender) => !sender.errored), "they were connected");
		} finally {
			senders.forEach((sender) => sender.destroy());
		}
	}, { changes: ["event", "installation", "switch"] });
}

test("no program was restarted, and none logged a failure", () => target.assertUnharmed());
