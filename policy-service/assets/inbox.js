// What makes the pages live and quick. Nothing here decides: every decision is a form, and works without.
"use strict";
(() => {
  const queue = document.getElementById("queue");
  const sheet = document.getElementById("sheet");
  const news = document.getElementById("news");
  const said = document.getElementById("said");
  const live = document.getElementById("live");
  const keys = document.getElementById("keys");

  const say = (text) => { said.textContent = text; };

  // Times, from what the server wrote into them. Both clocks are compared once, when the page came.
  const span = (milliseconds) => {
    const seconds = Math.floor(milliseconds / 1000);
    if (seconds < 90) return `${seconds} s`;
    if (seconds < 5400) return `${Math.floor(seconds / 60)} min`;
    if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
    return `${Math.floor(seconds / 86400)} days`;
  };
  const first = document.querySelector("time[data-now]");
  const ahead = first ? Date.now() - Number(first.dataset.now) : 0;
  const tell = () => {
    const now = Date.now() - ahead;
    for (const time of document.querySelectorAll("time[data-at]")) {
      const at = Number(time.dataset.at);
      if (time.dataset.as === "left") {
        time.textContent = at <= now ? "no time left" : `${span(at - now)} left`;
      } else {
        time.textContent = now - at < 5000 ? "just now" : `${span(now - at)} ago`;
      }
    }
  };
  setInterval(tell, 5000);

  // A page as a document: what it holds is never run.
  const fetchPage = (path) => new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", path);
    request.responseType = "document";
    request.onload = () => {
      const ok = request.status === 200 && request.response;
      if (ok) resolve(request.response); else reject(new Error(String(request.status)));
    };
    request.onerror = () => reject(new Error("network"));
    request.send();
  });

  const cards = () => (queue ? Array.from(queue.querySelectorAll("article.card")) : []);

  // One that has changed keeps its place and cannot be decided: nothing moves under a pointer.
  const outdate = (card) => {
    if (card.classList.contains("stale")) return;
    const held = card.contains(document.activeElement);
    card.classList.add("stale");
    for (const button of card.querySelectorAll("button")) button.disabled = true;
    card.querySelector(".changed").hidden = false;
    if (held) card.focus({ preventScroll: true });
    say("A request on this page has changed.");
  };

  // Of what has an event come that the page has not looked at yet; all of it where events may have been missed.
  const heard = new Set();
  let missed = true;
  let reading = null;
  let again = false;
  const update = () => {
    if (reading) { again = true; return; }
    const all = missed;
    const changed = new Set(heard);
    missed = false;
    heard.clear();
    reading = fetchPage(location.pathname + location.search).then((page) => {
      const fresh = new Map();
      for (const card of page.querySelectorAll("article.card")) fresh.set(card.dataset.id, card);
      // One that is not there any more is over, or has made room for others whose callers wait.
      let displaced = 0;
      for (const card of cards()) {
        const id = card.dataset.id;
        const now = fresh.get(id);
        if (now ? now.dataset.version !== card.dataset.version : all || changed.has(id)) outdate(card);
        else if (!now && !card.classList.contains("stale")) displaced += 1;
        fresh.delete(id);
      }
      let added = 0;
      for (const card of fresh.values()) {
        const item = document.importNode(card.closest("li"), true);
        item.querySelector(".card").classList.add("arrived");
        queue.append(item);
        added += 1;
      }
      const alarm = page.getElementById("alarm");
      const shown = document.getElementById("alarm");
      if (alarm && shown && alarm.textContent !== shown.textContent) shown.replaceWith(document.importNode(alarm, true));
      const tabs = page.querySelectorAll(".tabs b");
      document.querySelectorAll(".tabs b").forEach((tab, index) => {
        if (tabs[index]) tab.textContent = tabs[index].textContent;
      });
      document.title = page.title;
      document.getElementById("empty").hidden = queue.children.length > 0;
      const pages = page.getElementById("pages");
      document.getElementById("pages").replaceWith(document.importNode(pages, true));
      const more = document.getElementById("more");
      if (more) more.textContent = String(Math.max(Number(more.textContent) - displaced, 0));
      if (added) say(added === 1 ? "A new request waits." : `${added} new requests wait.`);
      tell();
    }).catch(() => { missed = true; if (news) news.hidden = false; }).finally(() => {
      reading = null;
      if (again) { again = false; setTimeout(update, 500); }
    });
  };

  // Where nothing can be decided, what is shown is kept up to date.
  const renew = () => fetchPage(`/approvals/${sheet.dataset.id}`).then((page) => {
    const fresh = page.getElementById("sheet");
    const now = document.getElementById("sheet");
    if (!fresh || !now || now.contains(document.activeElement)) { news.hidden = false; return; }
    now.replaceWith(document.importNode(fresh, true));
    document.title = page.title;
    tell();
    say("This approval has changed.");
  }).catch(() => { news.hidden = false; });

  const changed = (change) => {
    const now = document.getElementById("sheet");
    if (change.id !== now.dataset.id || String(change.version) === now.dataset.version) return;
    if (!document.getElementById("deny")) { renew(); return; }
    news.hidden = false;
    for (const button of document.querySelectorAll(".verdict button, .thumb button")) button.disabled = true;
    say("This approval has changed.");
  };

  // What happened between the page and the stream was not heard.
  const check = () => fetchPage(`/approvals/${sheet.dataset.id}`).then((page) => {
    const fresh = page.getElementById("sheet");
    if (fresh) changed(fresh.dataset);
  }).catch(() => {});

  // Whoever is signed out sees nothing of this page any more, and signs in; else the stream is tried again.
  const resume = () => setTimeout(() => {
    if (document.hidden || stream) return;
    fetchPage("/session").then(follow, (error) => {
      if (error.message === "401") location.reload(); else resume();
    });
  }, 3000 + Math.random() * 4000);

  let stream = null;
  let timer = 0;
  const follow = () => {
    if (stream || !(queue || sheet)) return;
    stream = new EventSource("/inbox/changes");
    stream.addEventListener("open", () => {
      live.hidden = false;
      live.textContent = "live";
      live.classList.remove("off");
      missed = true;
      if (queue) update();
      if (sheet) check();
    });
    stream.addEventListener("error", () => {
      live.textContent = "not live";
      live.classList.add("off");
      // Refused, and not merely cut, which the browser mends by itself.
      if (stream && stream.readyState === EventSource.CLOSED) { stream = null; resume(); }
    });
    stream.addEventListener("approval", (event) => {
      const change = JSON.parse(event.data);
      if (sheet) changed(change);
      if (queue) { heard.add(change.id); clearTimeout(timer); timer = setTimeout(update, 100); }
    });
    stream.addEventListener("emergency", () => { if (queue) update(); });
  };
  // A browser has few connections: a page that nobody looks at needs none.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && stream) {
      stream.close();
      stream = null;
    } else if (!document.hidden) {
      follow();
    }
  });
  if (!document.hidden) follow();

  // A link to a form that is folded away opens it.
  const unfold = () => {
    const target = location.hash ? document.getElementById(location.hash.slice(1)) : null;
    const folded = target && target.closest("details");
    if (folded) folded.open = true;
    return target;
  };
  addEventListener("hashchange", unfold);
  unfold();

  const move = (by) => {
    const all = cards();
    if (!all.length) return;
    const at = all.findIndex((card) => card.contains(document.activeElement));
    const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1);
    all[next].focus();
    all[next].scrollIntoView({ block: "nearest" });
  };
  const reach = (key) => {
    const card = document.activeElement && document.activeElement.closest("article.card");
    const place = queue ? card : document;
    const target = place && place.querySelector(`[data-key="${key}"]`);
    if (!target) return;
    if (target.matches("a")) { target.click(); return; }
    if (target.matches("summary")) {
      target.parentElement.open = true;
      target.parentElement.querySelector("select, input:not([type=hidden]), button").focus();
      return;
    }
    target.focus();
    target.scrollIntoView({ block: "nearest" });
  };
  const openKeys = () => { if (!keys.open) keys.showModal(); };
  const button = document.getElementById("show-keys");
  if (button) { button.hidden = false; button.addEventListener("click", openKeys); }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input, select, textarea, dialog[open]")) return;
    switch (event.key) {
      case "j": move(1); break;
      case "k": move(-1); break;
      case "a": reach("a"); break;
      case "d": reach("d"); break;
      case "u": location.assign("/"); break;
      case "?": openKeys(); break;
      case "Enter":
        if (!event.target.matches("article.card")) return;
        event.target.querySelector("h2 a").click();
        break;
      default: return;
    }
    event.preventDefault();
  });
})();
