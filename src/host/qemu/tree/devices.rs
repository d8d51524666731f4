//! The devices that `virt` always has.

use super::interrupts::LEVEL;
use super::writer::Writer;
use super::{Input, Phandles};

/// Shared interrupts, in the binding's numbers.
pub(super) const SPI: u32 = 0;
/// A rising edge.
pub(super) const EDGE: u32 = 1;

/// Hides a node from all but the secure world.
fn secure_only(tree: &mut Writer, path: &str) {
    tree.text(path, "status", "disabled");
    tree.text(path, "secure-status", "okay");
}

pub(super) fn flash(input: &Input<'_>, tree: &mut Writer) {
    const BYTES: u64 = 0x400_0000;
    let mut node = |path: &str, reg: &[u64]| {
        tree.node(path);
        tree.text(path, "compatible", "cfi-flash");
        tree.wide(path, "reg", reg);
        tree.cells(path, "bank-width", &[4]);
    };
    if input.secure {
        node("/secflash@0", &[0, BYTES]);
        secure_only(tree, "/secflash@0");
        let path = "/flash@4000000";
        tree.node(path);
        tree.text(path, "compatible", "cfi-flash");
        tree.wide(path, "reg", &[BYTES, BYTES]);
        tree.cells(path, "bank-width", &[4]);
    } else {
        node("/flash@0", &[0, BYTES, BYTES, BYTES]);
    }
}

/// UARTs in the order in which the program makes them, and the secure world's memory.
pub(super) fn uarts(input: &Input<'_>, tree: &mut Writer, phandles: &Phandles) {
    if input.second_uart && !input.secure {
        uart(input, tree, phandles, 1);
    }
    uart(input, tree, phandles, 0);
    if !input.secure {
        return;
    }
    let memory = |tree: &mut Writer| {
        let path = "/secram@e000000";
        tree.node(path);
        tree.text(path, "device_type", "memory");
        tree.wide(path, "reg", &[0xe00_0000, 0x100_0000]);
        secure_only(tree, path);
    };
    let memory_first = !input.since(8, 0);
    if memory_first {
        memory(tree);
    }
    uart(input, tree, phandles, 1);
    if !memory_first {
        memory(tree);
    }
}

fn uart(input: &Input<'_>, tree: &mut Writer, phandles: &Phandles, index: u32) {
    let (base, interrupt) = if index == 0 { (0x900_0000, 1) } else { (0x904_0000, 8) };
    let path = format!("/pl011@{base:x}");
    tree.node(&path);
    tree.text(&path, "compatible", "arm,pl011\0arm,primecell");
    tree.wide(&path, "reg", &[base, 0x1000]);
    tree.cells(&path, "interrupts", &[SPI, interrupt, LEVEL]);
    tree.cells(&path, "clocks", &[phandles.clock, phandles.clock]);
    tree.text(&path, "clock-names", "uartclk\0apb_pclk");
    if index == 0 {
        tree.text("/chosen", "stdout-path", &path);
    }
    if input.since(9, 1) {
        tree.text("/aliases", &format!("serial{index}"), &path);
    }
    if index == 1 && input.secure {
        secure_only(tree, &path);
        tree.text("/secure-chosen", "stdout-path", &path);
    }
}

pub(super) fn rtc(tree: &mut Writer, phandles: &Phandles) {
    let path = "/pl031@9010000";
    tree.node(path);
    tree.text(path, "compatible", "arm,pl031\0arm,primecell");
    tree.wide(path, "reg", &[0x901_0000, 0x1000]);
    tree.cells(path, "interrupts", &[SPI, 2, LEVEL]);
    tree.cells(path, "clocks", &[phandles.clock]);
    tree.text(path, "clock-names", "apb_pclk");
}

/// The lines of buttons, and those of the secure world.
pub(super) fn gpio(input: &Input<'_>, tree: &mut Writer, phandles: &Phandles) {
    if input.gpio {
        let phandle = tree.phandle();
        gpio_lines(tree, phandles, "/pl061@9030000", (0x903_0000, 7), phandle);
        tree.node("/gpio-keys");
        tree.text("/gpio-keys", "compatible", "gpio-keys");
        let path = "/gpio-keys/poweroff";
        tree.node(path);
        tree.text(path, "label", "GPIO Key Poweroff");
        tree.cells(path, "linux,code", &[116]);
        tree.cells(path, "gpios", &[phandle, 3, 0]);
    }
    // From 6.0 on the secure world can switch the machine off.
    if !input.secure || !input.model_since(6, 0) {
        return;
    }
    let phandle = tree.phandle();
    let path = "/pl061@90b0000";
    gpio_lines(tree, phandles, path, (0x90b_0000, 0), phandle);
    secure_only(tree, path);
    for (path, name, line) in
        [("/gpio-poweroff", "gpio-poweroff", 0), ("/gpio-restart", "gpio-restart", 1)]
    {
        tree.node(path);
        tree.text(path, "compatible", name);
        tree.cells(path, "gpios", &[phandle, line, 0]);
        secure_only(tree, path);
    }
}

fn gpio_lines(
    tree: &mut Writer,
    phandles: &Phandles,
    path: &str,
    (base, interrupt): (u64, u32),
    phandle: u32,
) {
    tree.node(path);
    tree.wide(path, "reg", &[base, 0x1000]);
    tree.text(path, "compatible", "arm,pl061\0arm,primecell");
    tree.cells(path, "#gpio-cells", &[2]);
    tree.flag(path, "gpio-controller");
    tree.cells(path, "interrupts", &[SPI, interrupt, LEVEL]);
    tree.cells(path, "clocks", &[phandles.clock]);
    tree.text(path, "clock-names", "apb_pclk");
    tree.cells(path, "phandle", &[phandle]);
}

/// As many of them as the machine has, whatever is plugged in.
pub(super) fn virtio_mmio(input: &Input<'_>, tree: &mut Writer) {
    for i in (0..input.virtio_mmio).rev() {
        let base = 0xa00_0000 + 0x200 * u64::from(i);
        let path = format!("/virtio_mmio@{base:x}");
        tree.node(&path);
        tree.text(&path, "compatible", "virtio,mmio");
        tree.wide(&path, "reg", &[base, 0x200]);
        tree.cells(&path, "interrupts", &[SPI, 16 + i, EDGE]);
        tree.flag(&path, "dma-coherent");
    }
}

pub(super) fn fw_cfg(tree: &mut Writer) {
    let path = "/fw-cfg@9020000";
    tree.node(path);
    tree.text(path, "compatible", "qemu,fw-cfg-mmio");
    tree.wide(path, "reg", &[0x902_0000, 0x18]);
    tree.flag(path, "dma-coherent");
}

pub(super) fn platform_bus(tree: &mut Writer, phandles: &Phandles) {
    let path = "/platform-bus@c000000";
    tree.node(path);
    tree.text(path, "compatible", "qemu,platform\0simple-bus");
    tree.cells(path, "#size-cells", &[1]);
    tree.cells(path, "#address-cells", &[1]);
    tree.cells(path, "ranges", &[0, 0, 0xc00_0000, 0x200_0000]);
    tree.cells(path, "interrupt-parent", &[phandles.gic]);
}
