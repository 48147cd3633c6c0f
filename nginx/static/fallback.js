/*
 * For a browser that cannot read switchboard.js, or in which it did not start: load the page again
 * every 30 s, so that it is never old without saying so.  In ECMAScript 3, which all browsers read.
 */
(function () {
	var RELOAD_MS = 30000;
	var timer;

	function check() {
		var call;

		/* Set at the end of switchboard.js. */
		if (/(^| )scripted( |$)/.test(document.documentElement.className)) {
			clearInterval(timer);
			return;
		}
		/* While Switchboard cannot be reached the page stays: an error of the browser would not go away. */
		call = new XMLHttpRequest();
		call.open('HEAD', '/', true);
		call.onreadystatechange = function () {
			if (call.readyState === 4 && call.status === 200)
				location.reload();
		};
		call.send(null);
	}

	timer = setInterval(check, RELOAD_MS);
}());
