import { describe, expect, test } from 'vitest';
import { createMetrics, seriesMax } from './metrics.ts';

describe('createMetrics()', () => {
  test('writes counters, gauges and what is read on demand, by name', () => {
    const metrics = createMetrics();
    const total = metrics.counter({ name: 'z_total', help: 'All of them.', labels: ['verb', 'code'] });
    total.of('get', '200').add();
    total.of('get', '200').add(2);
    total.of('list', '500').add();
    const open = metrics.gauge({ name: 'open', help: 'Open now.' });
    open.of().add(3);
    open.of().add(-1);
    let reads = 0;
    metrics.collect({
      name: 'a_size',
      help: 'Sizes.',
      type: 'gauge',
      labels: ['of'],
      read: () => {
        reads++;
        return [{ values: ['x'], value: 1.5 }];
      },
    });
    expect(reads).toBe(0);
    expect(metrics.text().split('\n')).toEqual([
      '# HELP a_size Sizes.',
      '# TYPE a_size gauge',
      'a_size{of="x"} 1.5',
      '# HELP open Open now.',
      '# TYPE open gauge',
      'open 2',
      '# HELP z_total All of them.',
      '# TYPE z_total counter',
      'z_total{verb="get",code="200"} 3',
      'z_total{verb="list",code="500"} 1',
      '',
    ]);
  });

  test('a histogram counts each value in every bucket that holds it', () => {
    const metrics = createMetrics();
    const seconds = metrics.histogram({ name: 's', help: 'S.', labels: ['v'], buckets: [0.1, 1] });
    for (const value of [0.05, 0.1, 0.5, 7]) seconds.of('x').observe(value);
    expect(metrics.text().split('\n').slice(2, -1)).toEqual([
      's_bucket{v="x",le="0.1"} 2',
      's_bucket{v="x",le="1"} 3',
      's_bucket{v="x",le="+Inf"} 4',
      's_sum{v="x"} 7.65',
      's_count{v="x"} 4',
    ]);
  });

  test('label values and help are escaped', () => {
    const metrics = createMetrics();
    metrics
      .counter({ name: 'c', help: 'a\nb\\', labels: ['v'] })
      .of('x"\\\ny')
      .add();
    expect(metrics.text()).toBe('# HELP c a\\nb\\\\\n# TYPE c counter\nc{v="x\\"\\\\\\ny"} 1\n');
  });

  test('the number of series is bounded', () => {
    const metrics = createMetrics();
    const counter = metrics.counter({ name: 'c', help: 'c', labels: ['v'] });
    for (let i = 0; i < seriesMax + 100; i++) counter.of(String(i)).add();
    expect(metrics.text().split('\n')).toHaveLength(seriesMax + 3);
  });

  test('a name given twice and a wrong number of labels are bugs', () => {
    const metrics = createMetrics();
    const counter = metrics.counter({ name: 'c', help: 'c', labels: ['v'] });
    expect(() => metrics.gauge({ name: 'c', help: 'c' })).toThrow('defined twice');
    expect(() => counter.of('a', 'b')).toThrow('1 labels are wanted, got 2');
  });
});
