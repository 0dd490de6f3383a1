//! Programs of the session target as the bytes that `arbitrary` makes them of again.

/// A program, step by step.
#[derive(Clone, Default)]
struct Plan(Vec<u8>);

impl Plan {
    /// One of `of` variants.
    fn variant(&mut self, number: u64, of: u64) -> &mut Plan {
        let chosen = (number << 32).div_ceil(of) as u32;
        self.raw(&chosen.to_le_bytes())
    }

    fn raw(&mut self, bytes: &[u8]) -> &mut Plan {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A list: each item is announced, and so is the end.
    fn list(&mut self, bytes: &[u8]) -> &mut Plan {
        for byte in bytes {
            self.raw(&[1, *byte]);
        }
        self.raw(&[0])
    }

    fn step(&mut self, number: u64, slot: u8) -> &mut Plan {
        self.raw(&[1]).variant(number, 10).raw(&[slot])
    }

    fn request(&mut self, slot: u8, number: u64) -> &mut Plan {
        self.step(2, slot).variant(number, 13)
    }

    /// A place that is known by its number.
    fn place(&mut self, number: u8) -> &mut Plan {
        self.variant(0, 2).raw(&[number])
    }

    fn create_part(&mut self, kind: u8, place: u8, flags: u8) -> &mut Plan {
        self.variant(0, 6).raw(&[kind]).place(place).raw(&[1]).list(b"data");
        self.raw(&[0, flags]).raw(&1000_i64.to_le_bytes())
    }

    fn create(&mut self, slot: u8, kind: u8, place: u8, flags: u8) -> &mut Plan {
        self.request(slot, 0).create_part(kind, place, flags)
    }

    fn delete(&mut self, slot: u8, place: u8) -> &mut Plan {
        self.request(slot, 0).variant(1, 6).place(place).raw(&[0xff])
    }

    fn set(&mut self, slot: u8, place: u8, data: &[u8]) -> &mut Plan {
        self.request(slot, 0).variant(2, 6).place(place).raw(&[1]).list(data).raw(&[0xff])
    }

    fn read(&mut self, slot: u8, op: u8, place: u8, watch: bool) -> &mut Plan {
        self.request(slot, 3).raw(&[op]).place(place).raw(&[u8::from(watch)])
    }

    fn wait(&mut self, slot: u8) -> &mut Plan {
        self.step(7, slot)
    }

    fn end(&mut self) -> Vec<u8> {
        self.raw(&[0]).0.clone()
    }
}

/// Writes and reads by turns, without waiting for any.
fn pipelined() -> Vec<u8> {
    let mut plan = Plan::default();
    for (op, place) in (0..7).zip([1, 3, 5, 1, 3, 5, 1]) {
        plan.create(0, 0, place, 0).read(0, op, place, false).set(0, place, b"new");
        plan.read(0, 1, place, false).request(0, 10);
    }
    plan.wait(0).delete(0, 5).read(0, 0, 5, false).create(0, 1, 6, 3).read(0, 2, 1, false).end()
}

fn watched() -> Vec<u8> {
    let mut plan = Plan::default();
    plan.create(0, 0, 1, 0).create(0, 0, 3, 0).wait(0);
    plan.read(1, 1, 1, true).read(1, 2, 1, true).read(1, 0, 4, true).wait(1);
    // A watch that stays, and a recursive one.
    plan.request(1, 6).place(1).raw(&[0]).request(1, 6).place(0).raw(&[1]).wait(1);
    plan.set(0, 1, b"1").create(0, 0, 4, 1).delete(0, 3).set(0, 1, b"2").wait(0);
    plan.request(1, 7).raw(&[1]).place(1).raw(&[4]).request(1, 7).raw(&[0]).place(0).raw(&[5]);
    plan.wait(1).request(0, 12).wait(0).end()
}

fn several_at_once() -> Vec<u8> {
    let mut plan = Plan::default();
    plan.request(0, 1);
    plan.raw(&[1]).create_part(1, 1, 0).raw(&[1]).create_part(0, 3, 1);
    plan.raw(&[1]).create_part(2, 2, 4).raw(&[1]).create_part(3, 4, 5).raw(&[0]);
    // The second one is there already, so nothing is done.
    plan.request(0, 1).raw(&[1]).create_part(0, 6, 2).raw(&[1]).create_part(0, 1, 0).raw(&[0]);
    plan.request(0, 2).raw(&[1]).variant(4, 6).place(1).raw(&[1]).variant(5, 6).place(0).raw(&[0]);
    plan.read(0, 5, 0, false).wait(0).end()
}

fn taken_over(wrong_password: bool) -> Vec<u8> {
    let mut plan = Plan::default();
    plan.step(0, 0).raw(&5000_i32.to_le_bytes()).raw(&[1, 0]);
    plan.create(0, 0, 1, 1).set(0, 1, b"mine");
    plan.step(1, 1).raw(&[0, u8::from(wrong_password)]);
    plan.set(0, 1, b"late").read(1, 1, 1, false).read(1, 6, 0, false).wait(1);
    plan.step(8, 1).wait(0).end()
}

fn identities() -> Vec<u8> {
    let mut plan = Plan::default();
    plan.request(0, 11).raw(&[1]).request(0, 9).create(0, 0, 1, 0);
    plan.request(0, 4).place(1).raw(&[3, 0xff]).read(1, 1, 1, false).wait(1);
    plan.read(0, 1, 1, false).read(0, 4, 1, false).request(0, 5).place(1).wait(0);
    plan.request(0, 8).raw(&1_i64.to_le_bytes());
    for _ in 0..5 {
        plan.raw(&[1]).place(1).raw(&[0]);
    }
    plan.wait(0).end()
}

/// Every operation, with a record that ends early.
fn mangled() -> Vec<u8> {
    let mut plan = Plan::default();
    for op in 0..23 {
        plan.step(3, 0).raw(&[op]).list(&[0, 0, 0, 9, b'/']);
        plan.request(0, 10);
    }
    plan.wait(0).end()
}

fn nonsense() -> Vec<u8> {
    let mut plan = Plan::default();
    plan.create(0, 0, 1, 0).step(4, 0).raw(&99_i32.to_le_bytes()).list(b"what").wait(0);
    plan.create(1, 0, 2, 0).step(5, 1).list(&[0, 0, 1]).wait(1);
    plan.create(2, 0, 2, 0).step(6, 2).list(&[0xff; 5]).wait(2);
    plan.raw(&[1]).variant(9, 10).list(b"ruok").raw(&[1]).variant(9, 10).list(&[0, 0, 0, 44, 0]);
    plan.end()
}

pub(crate) fn programs() -> Vec<Vec<u8>> {
    vec![
        pipelined(),
        watched(),
        several_at_once(),
        taken_over(false),
        taken_over(true),
        identities(),
        mangled(),
        nonsense(),
    ]
}
