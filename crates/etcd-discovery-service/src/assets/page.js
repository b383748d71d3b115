// Keeps the page of a token current: waits for the next registration, then takes over the new page's content.
'use strict';

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function dress() {
  for (const time of document.querySelectorAll('time')) {
    time.title = time.textContent;
    time.textContent = new Date(time.dateTime).toLocaleString();
  }
  const command = document.getElementById('command');
  if (command && navigator.clipboard) {
    const button = document.createElement('button');
    button.textContent = 'Copy';
    button.onclick = () => navigator.clipboard.writeText(command.textContent)
      .then(() => { button.textContent = 'Copied'; });
    command.after(button);
  }
}

async function refresh() {
  const answer = await fetch(location.pathname, { headers: { Accept: 'text/html' } });
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
  document.querySelector('main').replaceWith(fresh.querySelector('main'));
  document.title = fresh.title;
  dress();
}

async function follow() {
  for (;;) {
    const main = document.querySelector('main');
    // Once all are there, nothing changes any more.
    if (!main.dataset.index || main.classList.contains('full')) return;
    const next = Number(main.dataset.index) + 1;
    try {
      const url = `${location.pathname}?wait=true&recursive=true&waitIndex=${next}`;
      const answer = await fetch(url, { headers: { Accept: 'application/json' } });
      await answer.text();
      if (!answer.ok) await pause(3000);
    } catch (error) {
      await pause(3000);
    }
    await refresh().catch(() => pause(3000));
  }
}

dress();
follow();
