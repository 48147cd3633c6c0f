// A browser in which the script of the page does not run: the page is loaded again every 30 s.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { flip, isMarked, live, mark, openBrowser, shows, useHome, waitForDevice, switchOf } from "./browser.mjs";

let stack, chrome, jar, browser, page;

useHome((home) => ({ stack, chrome, jar } = home));

beforeEach(async () => {
	await flip(stack, "Kitchen ceiling", "on");
	browser = await openBrowser(chrome, stack, { jar });
	page = await browser.newPage();
	await page.clock.install();
});

afterEach(() => browser.close());

const HALF_A_MINUTE = 31_000;

for (const [how, answer] of [
	["is cut short", (route) => route.fulfill({ contentType: "text/javascript", body: "const half = {" })],
	["is newer than the browser", (route) => route.fulfill({ contentType: "text/javascript", body: "const a = b ?????? c;" })],
	["fails at its start", (route) => route.fulfill({ contentType: "text/javascript", body: "throw new Error('no start');" })],
	["is not delivered", (route) => route.abort()],
	["is answered with a page of a proxy", (route) => route.fulfill({ contentType: "text/html", body: "<p>Sign in to the network" })],
]) {
	test(`when the script ${how} the page is loaded again every half minute, and its forms work`, async () => {
		await page.route("**/static/switchboard.js*", answer);
		await page.goto("/");
		await shows(page, "Kitchen ceiling", "on");
		for (const state of ["off", "on"]) {
			await flip(stack, "Kitchen ceiling", state);
			await waitForDevice(stack, "Kitchen ceiling", state);
			for (;;) {
				await Promise.all([page.waitForEvent("load"), page.clock.runFor(HALF_A_MINUTE)]);
				if (await switchOf(page, "Kitchen ceiling").getAttribute("aria-checked") === (state === "on" ? "true" : "false"))
					break;
			}
		}
		await switchOf(page, "Kitchen ceiling").click();
		await waitForDevice(stack, "Kitchen ceiling", "off");
	});
}

test("such a page stays while Switchboard cannot be reached, and is loaded again afterwards", async () => {
	let asked = 0;

	await page.route("**/static/switchboard.js*", (route) => route.abort());
	await page.goto("/");
	await shows(page, "Kitchen ceiling", "on");
	await page.route((url) => url.pathname === "/", (route) => {
		asked++;
		return route.abort();
	}, { times: 2 });
	await mark(page);
	for (let time = 0; time < 2; time++)
		await Promise.all([page.waitForEvent("requestfailed"), page.clock.runFor(HALF_A_MINUTE)]);
	assert.equal(asked, 2);
	assert.ok(await isMarked(page));
	await Promise.all([page.waitForEvent("load"), page.clock.runFor(HALF_A_MINUTE)]);
	assert.ok(!await isMarked(page));
});

test("a page whose script runs is not loaded again", async () => {
	await page.goto("/");
	await live(page);
	await mark(page);
	await page.clock.runFor(4 * HALF_A_MINUTE);
	await flip(stack, "Kitchen ceiling", "off");
	await shows(page, "Kitchen ceiling", "off");
	assert.ok(await isMarked(page));
});
