// The page /sessions in real browsers: one signs another out.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { linkAccount, startStack } from "../stack.mjs";
import { launch, linkedLocation, live, openBrowser, openPage, switchOf } from "./browser.mjs";

let stack;
let chrome;
let tablet; // a page with the switches
let page; // of a phone, without JavaScript

before(async () => {
	stack = await startStack();
	chrome = await launch();
	tablet = await openPage(await openBrowser(chrome, stack, { jar: await linkedLocation(stack) }));
	await linkAccount(stack);
	page = await openPage(await openBrowser(chrome, stack, {
		jar: await linkAccount(stack), javaScriptEnabled: false, viewport: { width: 360, height: 740 } }));
});

after(async () => {
	await chrome?.close();
	await stack?.stop();
});

const others = () => page.getByRole("button", { name: /^Sign out: / });

test("the switch page links to the list of browsers, which fits a phone", async () => {
	await page.getByRole("link", { name: "Signed-in browsers" }).click();
	await page.getByRole("heading", { name: "Signed-in browsers" }).waitFor();
	assert.equal(await page.getByRole("listitem").count(), 3);
	assert.equal(await others().count(), 2);
	assert.match(await page.getByRole("listitem").first().innerText(), /This browser/);
	const { width } = await page.locator("main").boundingBox();

	assert.ok(width <= 360);
	for (const button of await page.getByRole("button").all()) {
		const box = await button.boundingBox();

		assert.ok(box.x >= 0 && box.x + box.width <= 360 && box.height >= 44, JSON.stringify(box));
	}
});

test("a browser that is signed out shows the sign-in at once", async () => {
	await live(tablet);
	// Either of the two others: the tablet must show the sign-in after both are signed out.
	await others().first().click();
	await page.waitForURL(`${stack.url}/sessions`);
	assert.equal(await others().count(), 1);
	await page.getByRole("button", { name: "Sign out all others" }).click();
	await others().waitFor({ state: "detached" });
	await tablet.getByRole("link", { name: "Sign in with SmartThings" }).waitFor();
	assert.equal(await tablet.getByRole("switch").count(), 0);
	assert.deepEqual(tablet.errors, []);
});

test("the browser that signed out all others is still signed in", async () => {
	await page.getByRole("link", { name: "Back to the switches" }).click();
	await switchOf(page, "Kitchen ceiling").waitFor();
});
