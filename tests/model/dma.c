/* SPDX-License-Identifier: MIT */
/*
 * What devices of the first domain reach by machine address: its own RAM, and what it has mapped
 * for devices by grants. Model lock held, but for the functions of model.h.
 */
#include <string.h>

#include <model/internal.h>

static bool dma_range_ok(dma_addr_t addr, size_t size)
{
	if (size && addr + size - 1 < addr)
		return false;
	for (uint64_t mfn = addr >> XEN_PAGE_SHIFT;
	     size && mfn <= (addr + size - 1) >> XEN_PAGE_SHIFT; mfn++)
		if (!frame_is_domains(mfn) && (mfn >= model.max_page || !model.frames[mfn].dma))
			return false;
	return true;
}

bool machine_dma(uint64_t addr, void *buf, size_t size, bool write)
{
	if (!dma_range_ok(addr, size))
		return false;
	if (write)
		memcpy(model.ram + addr, buf, size);
	else
		memcpy(buf, model.ram + addr, size);
	return true;
}

bool model_dma_read(dma_addr_t addr, void *buf, size_t size)
{
	bool ok;

	model_enter();
	ok = machine_dma(addr, buf, size, false);
	model_leave();
	return ok;
}

bool model_dma_write(dma_addr_t addr, const void *buf, size_t size)
{
	bool ok;

	model_enter();
	ok = machine_dma(addr, (void *)(uintptr_t)buf, size, true);
	model_leave();
	return ok;
}
