import { tariffReadsContract } from '../tariff-reads.contract.ts';
import { tariffStoreContract } from '../tariff-store.contract.ts';
import { MemoryTariffs } from './tariffs.ts';

tariffStoreContract('memory', (layout) => {
  const tariffs = new MemoryTariffs({ layout });
  let seen = 0;
  return Promise.resolve({
    store: tariffs.store,
    rows: (id) => tariffs.reads.rows(id),
    profile: (id) => Promise.resolve(tariffs.profile(id)),
    told: () => {
      const news = tariffs.controls.slice(seen);
      seen = tariffs.controls.length;
      const ids = news.flatMap((one) =>
        one.kind === 'subscriber-profile' ? [one.profile.subscriberId] : [],
      );
      return Promise.resolve(ids);
    },
    items: (id) => Promise.resolve(tariffs.items.filter(({ subscriberId }) => subscriberId === id)),
    audited: async () => {
      const all = { subject: null, who: null, action: null, fromMs: null, toMs: null };
      const { items } = await tariffs.reads.audit(all, 500, null);
      return items.map(({ who, action, subject }) => ({ who, action, subject }));
    },
  });
});

tariffReadsContract('memory', () => Promise.resolve(new MemoryTariffs()));
