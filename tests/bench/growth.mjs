// The same load on stacks with few and with many installations and events, one after the other in each round.
import { makeRig, median, rate } from "./rig.mjs";

const SECONDS = 2;
/* More than all processes have in their batches: with few installations webhooks wait for a row lock, and others must not. */
const CONNECTIONS = 128;

/** Stored events of the last week, spread over the installations. */
async function makeEvents(rig, count, installations) {
	await rig.stack.psql(`SET search_path = switchboard; INSERT INTO event (installation_id, event_time, event_id, event_type, device_id, component, capability, attribute, value)
		SELECT 'bench-' || lpad((n % ${installations})::text, 6, '0'), date_trunc('second', now() - interval '6.5 days' * n / ${count}),
			gen_random_uuid(), 'DEVICE_EVENT', 'lamp-' || n % 2, 'main', 'switch', 'switch',
			CASE n % 3 WHEN 0 THEN '"on"' ELSE '"off"' END::jsonb
		FROM generate_series(1, ${count}) AS n ON CONFLICT DO NOTHING`);
	await rig.stack.psql("VACUUM ANALYZE");
	await rig.stack.psql("CHECKPOINT");
}

async function measure(rig, installations, expected) {
	const file = await rig.sign(Math.round(expected * SECONDS * 2), { installations, devices: 2 });
	const webhook = await rig.load(file, { connections: CONNECTIONS, seconds: SECONDS });
	const page = await rig.load(rig.requests("pages", Array.from({ length: Math.min(installations, 1000) }, (_, i) => rig.get(i, "/"))),
		{ connections: 4, seconds: 1, again: true });

	return { webhook: webhook.rate, page: page.p50 };
}

export async function growth(_, { long, rounds }, table) {
	const sizes = [{ installations: 10, events: 1e4 }, { installations: 1e3, events: 1e6 }, { installations: 1e5, events: long ? 1e7 : 1e6 }];
	const rigs = [];

	try {
		for (const size of sizes) {
			const rig = await makeRig({ installations: size.installations, devices: 2 });

			rigs.push({ ...size, rig, found: [] });
			await makeEvents(rig, size.events, size.installations);
			await measure(rig, size.installations, 500); // caches
		}
		for (let i = 0; i < rounds; i++) {
			for (const { rig, installations, found } of rigs)
				found.push(await measure(rig, installations, found.at(-1)?.webhook ?? 2000));
		}
	} finally {
		for (const { rig } of rigs)
			await rig.stop();
	}
	const of = ({ found }, pick) => median(found.map(pick));
	const base = rigs[1];

	for (const size of rigs) {
		const name = `${size.installations} installations, ${size.events.toExponential(0).replace("e+", "e")} events`;

		table.add(`webhooks: ${name} / ${base.installations} installations`, of(size, ({ webhook }) => webhook) / of(base, ({ webhook }) => webhook), "≥ 0.8",
			rate(of(size, ({ webhook }) => webhook)));
		table.add(`page time: ${name} / ${base.installations} installations`, of(size, ({ page }) => page) / of(base, ({ page }) => page), "≤ 1.2",
			`${Math.round(of(size, ({ page }) => page))} µs`);
	}
}
