// The time from the POST of a command to the call at the simulated platform.
import { csrfToken, linkAccount, request, sleep, waitFor } from "../stack.mjs";
import { INSTALLATIONS, median, ms } from "./rig.mjs";

const CLICKS = 25;
const BETWEEN_CLICKS_MS = 200; // the event of a click arrives before the next click
const SWITCHES = 200;

/** A linked account of the simulated platform with so many switches. */
export async function account(rig, name, switches) {
	await rig.stack.control("POST", "accounts", { name, locations: [{
		name,
		devices: Array.from({ length: switches }, (_, i) => ({ name: `${name} ${i}` })),
	}] });
	const jar = await linkAccount(rig.stack, { location: name });

	await waitFor(async () => (await request(`${rig.stack.url}/api/switches`, { jar })).json().switches.length === switches,
		{ timeoutMs: 60000, what: `the switches of ${name}` });
	return { jar, headers: { "X-CSRF-Token": await csrfToken(rig.stack, jar) } };
}

const commands = async (rig) => (await rig.stack.control("GET", "commands")).commands;

async function post(rig, { jar, headers }, where, json) {
	const answer = await request(`${rig.stack.url}${where}`, { jar, headers, json });

	if (answer.status !== 202)
		throw new Error(`POST ${where}: ${answer.status} ${answer.text}`);
}

/** Milliseconds from the start of the POST to the call, one click after another, in ascending order. */
export async function clicks(rig, person) {
	const { switches } = (await request(`${rig.stack.url}/api/switches`, { jar: person.jar })).json();
	const times = [];

	for (let i = 0; i < CLICKS; i++) {
		const device = switches[i % switches.length].deviceId;
		const known = (await commands(rig)).length;
		const from = Date.now();

		await post(rig, person, `/api/switches/${device}/main`, { command: i % 2 === 0 ? "on" : "off" });
		const made = await waitFor(async () => (await commands(rig)).slice(known)[0], { timeoutMs: 30000, intervalMs: 5 });

		times.push(new Date(made.at).getTime() - from);
		await sleep(BETWEEN_CLICKS_MS);
	}
	return times.sort((a, b) => a - b);
}

/** Milliseconds from a POST for all switches to each of its calls; ends when all switches have the state. */
async function all(rig, person, word) {
	const known = (await commands(rig)).length;
	const from = Date.now();

	await post(rig, person, "/api/switches", { command: word });
	const made = await waitFor(async () => {
		const now = (await commands(rig)).slice(known);

		return now.length >= SWITCHES && now;
	}, { timeoutMs: 120000, intervalMs: 50, what: `${SWITCHES} commands` });

	await waitFor(async () => (await request(`${rig.stack.url}/api/switches`, { jar: person.jar })).json().switches
		.every(({ state, pending }) => state === word && !pending), { timeoutMs: 60000, intervalMs: 100, what: `all ${word}` });
	return made.map(({ at }) => new Date(at).getTime() - from).sort((a, b) => a - b);
}

export async function command(rig, { rate = 1000 }, table) {
	const person = await account(rig, "Bench", 25);
	const idle = await clicks(rig, person);
	const load = rig.load(await rig.sign(Math.ceil(rate / 2 * 20), { installations: INSTALLATIONS }), { connections: 32, seconds: 15, rate: rate / 2 });
	const busy = await clicks(rig, person);

	await load;
	const hall = await account(rig, "Bench hall", SWITCHES);

	await all(rig, hall, "on"); // a command "off" changes only switches that are on
	const off = await all(rig, hall, "off");

	table.add("command under load / idle, p50", median(busy) / median(idle), "",
		`POST to call at the platform: idle ${ms(median(idle) * 1000)}, with webhooks at half the rate ${ms(median(busy) * 1000)} ` +
		`(max ${idle.at(-1)}, ${busy.at(-1)} ms)`);
	table.note(`all off, ${SWITCHES} switches`, `first call after ${off[0]} ms, half after ${median(off)} ms, last after ${off.at(-1)} ms`);
}
