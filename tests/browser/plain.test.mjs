// The page without JavaScript: everything works with forms.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { continueAll, stopAll } from "../processes.mjs";
import { startStack, waitFor } from "../stack.mjs";
import { device, waitForDevice, launch, openBrowser, openPage, switchOf } from "./browser.mjs";

const REFRESH = /<meta http-equiv="refresh" content="3">/;

let stack;
let chrome;
let browser;
let page;

before(async () => {
	stack = await startStack();
	chrome = await launch();
	browser = await openBrowser(chrome, stack, { javaScriptEnabled: false });
	page = await openPage(browser);
});

after(async () => {
	await chrome?.close();
	await stack?.stop();
});

/* Without JavaScript the page does not update itself: reload until it shows the state. */
function shows(label, checked) {
	return waitFor(async () => {
		await page.goto("/");
		const button = switchOf(page, label);

		return await button.count() === 1 && await button.getAttribute("aria-checked") === checked &&
			await button.getAttribute("aria-busy") === null;
	}, { what: `${label} ${checked}` });
}

test("a location is linked", async () => {
	await page.getByRole("link", { name: "Sign in with SmartThings" }).click();
	await page.getByLabel("Home", { exact: true }).check();
	await page.locator("#allow").click();
	await page.waitForURL(`${stack.url}/`);
	await shows("Kitchen ceiling", "true");
});

test("a switch is turned off and on again", async () => {
	await switchOf(page, "Kitchen ceiling").click();
	await page.waitForURL(`${stack.url}/`);
	await waitForDevice(stack, "Kitchen ceiling", "off");
	await shows("Kitchen ceiling", "false");
	await switchOf(page, "Kitchen ceiling").click();
	await waitForDevice(stack, "Kitchen ceiling", "on");
	await shows("Kitchen ceiling", "true");
});

/* Reload until nothing is pending: then the page does not refresh itself during the test. */
function untilNothingPending() {
	return waitFor(async () => {
		await page.goto("/");
		return !REFRESH.test(await page.content());
	}, { what: "a page that does not refresh itself" });
}

test("while a command is pending the page refreshes itself", async () => {
	await untilNothingPending();
	await stack.control("POST", "settings", { hold: true });
	await switchOf(page, "Hall light").click();
	await waitFor(async () => REFRESH.test(await page.content()), { what: "a page that refreshes itself" });
	await stack.control("POST", "settings", { hold: false });
	await switchOf(page, "Hall light").and(page.locator("[aria-checked=\"true\"]")).waitFor();
});

test("a switch whose command waits to be sent says so", async () => {
	const pids = stack.pids("switchboard-worker");

	await untilNothingPending();
	await stopAll(pids);
	try {
		await switchOf(page, "Hall light").click();
		/* The page refreshes itself. */
		await page.getByText("Waiting to be sent").waitFor();
	} finally {
		continueAll(pids);
	}
	await waitForDevice(stack, "Hall light", "off");
	await shows("Hall light", "false");
	assert.equal(await page.getByText("Waiting to be sent").count(), 0);
});

test("a level is set with its button", async () => {
	await untilNothingPending();
	const form = page.locator(".tile").filter({ has: switchOf(page, "Bedside lamp") }).locator("form.level");

	await form.getByRole("slider").focus();
	await page.keyboard.press("End");
	await form.getByRole("button", { name: "Set" }).click();
	await waitFor(async () => (await device(stack, "Bedside lamp")).status.main.switchLevel.level.value === 100,
		{ what: "the level at the platform" });
});

test("all switches of a location are turned off", async () => {
	await shows("Bedside lamp", "true");
	await page.getByRole("button", { name: "All off: Home", exact: true }).click();
	for (const label of ["Kitchen ceiling", "Floor lamp", "Bedside lamp", "Hall light"])
		await waitForDevice(stack, label, "off");
	await shows("Kitchen ceiling", "false");
});

test("a form with another session's CSRF token gets a page with a link back", async () => {
	await untilNothingPending();
	const [cookie] = (await browser.cookies(stack.url)).filter(({ name }) => name === "session");
	const source = await page.content();
	const csrf = /name="csrf" value="([^"]+)"/.exec(source)[1];
	const answer = await stack.request("/logout", {
		form: { csrf: `${csrf.slice(0, -1)}${csrf.endsWith("A") ? "B" : "A"}` },
		headers: { Cookie: `session=${cookie.value}` },
	});

	assert.equal(answer.status, 403);
	assert.match(answer.text, /<a class="button" href="\/"/);
});

test("logging out shows the sign-in and deletes the cookie", async () => {
	await untilNothingPending();
	await page.getByRole("button", { name: "Log out" }).click();
	await page.getByRole("link", { name: "Sign in with SmartThings" }).waitFor();
	assert.equal((await browser.cookies(stack.url)).filter(({ name }) => name === "session").length, 0);
});
